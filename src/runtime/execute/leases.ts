/**
 * The machine's cores and GPUs, shared by all runs of a user, whatever their stores: a folder with a queue of tickets,
 * one file a stage that computes or waits. No process of its own keeps it; a ticket whose holder is dead does not
 * count, so that a killed run blocks nobody. Only a stage that is about to compute comes here: a run with nothing to do
 * does not.
 */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { randomBytes } from 'node:crypto'
import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import { sentenceOf } from '../../base/errors.js'
import { inTheWayOf, machineThreads, mayStart, resourceOf, type Ticket, type Wants } from './schedule.js'
import { makeFolder } from '../../base/files.js'
import { whileLocked } from '../store/lock.js'
import { identityOfProcess, isAlive, keepAlive, type ProcessIdentity, thisProcess } from '../../base/process.js'

/** A folder of this user's own, gone when the machine starts anew. `GENEPOOL_LEASES` places it elsewhere. */
export const leaseFolder = (env: Readonly<Record<string, string | undefined>> = process.env): string => {
  const { GENEPOOL_LEASES: own, XDG_RUNTIME_DIR: runtime } = env
  if (own !== undefined && own !== '') return path.resolve(own)
  if (runtime !== undefined && runtime !== '') return path.join(runtime, 'genepool')
  return path.join(os.tmpdir(), `genepool-${process.getuid?.() ?? os.userInfo().username}`)
}

/** How often one that waits looks: often at first, so that short stages of two runs take turns without a pause. */
const [firstLookMs, lastLookMs] = [5, 200]

/** A place in the queue of the machine. */
interface MachineTicket extends Ticket {
  readonly number: number
  readonly run: string
  /** What it is for, as others are told. */
  readonly what: string
  readonly holder: ProcessIdentity
  /** The worker that computes it: a GPU is free once this is gone, even where its run was killed. */
  readonly worker?: ProcessIdentity
}

export interface Lease {
  readonly threads: number
  /** Says which process computes. */
  readonly worker: (pid: number) => void
}

interface LeaseRequest {
  readonly wants: Wants
  readonly run: string
  readonly what: string
  readonly jobs: number
  readonly onWait: (holder: string, resource: string) => void
}

const parse = (text: string): MachineTicket | undefined => {
  try {
    return JSON.parse(text) as MachineTicket
  } catch {
    return undefined
  }
}

const numberOf = (name: string): number => Number.parseInt(name, 10)
const nameOf = (number: number): string => `${String(number).padStart(12, '0')}.json`

/**
 * The queue without the dead, in its order. Only under the lock: what cannot be read then was left by one who died
 * writing.
 */
const readQueue = (folder: string): readonly MachineTicket[] => {
  const names = fs.readdirSync(folder).filter((name) => /^\d+\.json$/.test(name))
  return names.sort().flatMap((name) => {
    const file = path.join(folder, name)
    let text: string
    try {
      text = fs.readFileSync(file, 'utf8')
    } catch {
      // Given back meanwhile, which needs no lock.
      return []
    }
    const ticket = parse(text)
    const lives =
      ticket !== undefined &&
      (isAlive(ticket.holder, file) || (ticket.worker !== undefined && isAlive(ticket.worker, file)))
    if (lives) return [ticket]
    fs.rmSync(file, { force: true })
    return []
  })
}

/** Under the registry's lock, which nobody holds for longer than a few file operations. */
const locked = <A>(folder: string, work: () => A): Effect.Effect<A, unknown> =>
  whileLocked(path.join(folder, 'queue.lock'), work)

const makeRegistry = (folder: string): Effect.Effect<void, unknown> =>
  Effect.try({ try: () => makeFolder(folder, 0o700), catch: (cause) => cause })

interface Place {
  readonly file: string
  readonly timer: NodeJS.Timeout
  readonly number: number
}

/** Joins the queue at its end. */
const join = (folder: string, ticket: Omit<MachineTicket, 'number'>): Effect.Effect<Place, unknown> =>
  Effect.andThen(
    makeRegistry(folder),
    locked(folder, () => {
      const number = Math.max(0, ...fs.readdirSync(folder).map((name) => numberOf(name) || 0)) + 1
      const file = path.join(folder, nameOf(number))
      fs.writeFileSync(file, JSON.stringify({ ...ticket, number }))
      return { file, number, timer: keepAlive(file) }
    }),
  )

const leave = ({ file, timer }: Place): Effect.Effect<void> =>
  Effect.sync(() => {
    clearInterval(timer)
    try {
      fs.rmSync(file, { force: true })
    } catch {
      // Whoever reads the queue after this process has ended takes it away.
    }
  })

/** Whether the stage has been given its threads, or who is in its way. */
type Look = { readonly threads: number } | { readonly by: MachineTicket | undefined }

/** Looks whether it is the ticket's turn, and takes it. */
const look = (
  folder: string,
  { file, number }: Place,
  ticket: Omit<MachineTicket, 'number'>,
): Effect.Effect<Look, unknown> =>
  locked(folder, () => {
    const cores = os.availableParallelism()
    const queue = readQueue(folder)
    const own = queue.find((each) => each.number === number)
    // Somebody has taken its file away.
    if (own === undefined) return { by: undefined }
    const starts = mayStart(queue, { cpus: cores })
    if (!starts.includes(own)) return { by: inTheWayOf(own, queue) }
    const threads = machineThreads(own, queue, starts.slice(0, starts.indexOf(own)), cores)
    fs.writeFileSync(file, JSON.stringify({ ...ticket, number, granted: threads }))
    return { threads }
  })

/**
 * Waits for its turn and holds it as long as the scope is open; `onWait` is told once who is in the way. A registry
 * that cannot be used stops nobody: fails with the reason, and the caller goes on without.
 */
export const takeLease = Effect.fnUntraced(function* (
  folder: string,
  { wants, run, what, jobs, onWait }: LeaseRequest,
): Effect.fn.Return<Lease, unknown, Scope.Scope> {
  const ticket = { holder: thisProcess, run, what, wants, jobs }
  const place = yield* Effect.acquireRelease(join(folder, ticket), leave, { interruptible: true })
  let told = false
  for (let pause = firstLookMs; ; pause = Math.min(lastLookMs, pause * 1.5)) {
    const seen = yield* look(folder, place, ticket)
    if ('threads' in seen) {
      const { threads } = seen
      const worker = (pid: number): void => {
        const text = JSON.stringify({
          ...ticket,
          number: place.number,
          granted: threads,
          worker: identityOfProcess(pid),
        })
        const whole = `${place.file}.${randomBytes(4).toString('hex')}`
        // Renamed into its place: others read it at any time.
        try {
          fs.writeFileSync(whole, text)
          fs.renameSync(whole, place.file)
        } catch {
          // Then the run's own life has to do.
        }
      }
      return { threads, worker }
    }
    if (!told && seen.by !== undefined && seen.by.run !== run) {
      told = true
      onWait(`process ${seen.by.holder.pid} (${seen.by.what})`, resourceOf(wants))
    }
    yield* Effect.sleep(pause)
  }
})

/** Why a registry could not be used, for a warning. */
export const leaseTrouble = (folder: string, cause: unknown): string =>
  `other runs on this machine cannot be told of this one: ${folder} cannot be used (${sentenceOf(cause)}); ` +
  'they may compute at the same time'
