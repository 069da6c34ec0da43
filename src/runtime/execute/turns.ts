/**
 * When a stage may compute: once there is room in its own run (slots), and then on the machine, which it shares with
 * other runs (leases). A stage that has both only waits for its worker.
 */
import * as os from 'node:os'
import * as Effect from 'effect/Effect'
import * as Semaphore from 'effect/Semaphore'
import type { StageNode } from '../../dsl/nodes.js'
import type { Emit } from '../events.js'
import { leaseFolder, leaseTrouble, takeLease, type Lease } from './leases.js'
import type { PreparedStage } from '../plan/prepare.js'
import { mayStart, ownThreads, resourceOf, type Ticket, type Wants } from './schedule.js'
import type { GpuIdentity, ResolvedEngine } from '../services.js'

interface SlotRequest {
  /** Name of the GPU that it computes on; undefined for the CPU. */
  readonly gpu?: string | undefined
  /**
   * Whether nothing else of the run may compute: it goes when nothing else runs or waits, so that no slot is empty for
   * it.
   */
  readonly exclusive?: boolean
  /** The lowest goes first; default 0. */
  readonly rank?: number
  /** Whether it does not wait to see what others become ready with it. */
  readonly quick?: boolean
}

/**
 * The room in one run: CPU stages side by side up to `jobs`, so many on each GPU, and an exclusive one when nothing
 * else computes. A stage that is alone gets all cores; stages side by side share them, because one thread each is
 * faster than many on all.
 */
export interface Slots {
  /** Runs `work` when there is room for it; `threads` is its share of the cores. */
  readonly use: <A, E, R>(
    request: SlotRequest,
    work: (threads: number) => Effect.Effect<A, E, R>,
  ) => Effect.Effect<A, E, R>
}

interface OwnTicket extends Ticket {
  readonly rank: number
  granted?: number
  /** Told that it may start. */
  start: () => void
}

/** Stages that become ready in the same moment must see each other before they share out the cores. */
const settleMs = 5

/**
 * Turns of the event loop for which room that has become free is held: what follows on the work that has just been done
 * can ask for it before anything of a higher rank has it.
 */
const heldTurns = 10

const afterTurns = (turns: number, then: () => void): void => {
  if (turns === 0) then()
  else setImmediate(() => afterTurns(turns - 1, then))
}

const wantsOf = ({ gpu, exclusive }: SlotRequest, threads: number): Wants => {
  if (exclusive === true) return { type: 'machine' }
  return gpu === undefined ? { type: 'cpu', threads } : { type: 'gpu', device: gpu }
}

/** `onGpu`: stages side by side on one GPU at most, where more than one may share it at all. */
export const makeSlots = (jobs: number, onGpu = 1): Slots => {
  const cores = os.availableParallelism()
  const computing = new Set<OwnTicket>()
  /** Those that wait, by what they need, in the order in which they are to go: by rank, then as they came. */
  const lines = new Map<string, OwnTicket[]>()
  const lineOf = ({ wants }: OwnTicket): OwnTicket[] => {
    const line = lines.get(resourceOf(wants)) ?? []
    lines.set(resourceOf(wants), line)
    return line
  }
  /** How many run or wait, exclusive ones aside. */
  let sharing = 0
  const startNext = (alone: boolean): void => {
    // Of each line no more than so many can start at once, and exclusive ones go after all others.
    const isLast = ({ wants }: OwnTicket): number => (wants.type === 'machine' ? 1 : 0)
    const first = [...lines.values()].flatMap((line) => line.slice(0, jobs)).sort((a, b) => isLast(a) - isLast(b))
    const starts = mayStart([...computing, ...first], { cpus: jobs, onGpu, alone })
    for (const ticket of starts) {
      lineOf(ticket).splice(lineOf(ticket).indexOf(ticket), 1)
      computing.add(ticket)
      ticket.granted = cores
    }
    // Only then: what starts may ask for another slot at once.
    for (const ticket of starts) ticket.start()
  }
  let stillness: NodeJS.Timeout | undefined
  const look = (): void => {
    clearTimeout(stillness)
    startNext(false)
    // What follows on work that has just been done asks for its slot a moment later.
    if ((lines.get('machine') ?? []).length > 0) stillness = setTimeout(startNext, settleMs, true)
  }
  const join = (ticket: OwnTicket): void => {
    const line = lineOf(ticket)
    line.splice(line.findLastIndex(({ rank }) => rank <= ticket.rank) + 1, 0, ticket)
    look()
  }
  const giveUp = (ticket: OwnTicket): void => {
    if (!computing.delete(ticket)) lineOf(ticket).splice(lineOf(ticket).indexOf(ticket), 1)
    look()
  }
  const untilStart = (ticket: OwnTicket): Effect.Effect<void> =>
    Effect.callback<void>((resume) => {
      ticket.start = () => resume(Effect.void)
      if (ticket.granted !== undefined) ticket.start()
    })
  const use: Slots['use'] = (request, work) => {
    const { exclusive = false, rank = 0, quick = false } = request
    const settled = quick || exclusive ? Effect.void : Effect.sleep(settleMs)
    const share = (): number => (exclusive ? cores : ownThreads(sharing, jobs, cores))
    return Effect.acquireUseRelease(
      Effect.sync((): OwnTicket => {
        const ticket = {
          wants: wantsOf(request, cores),
          jobs,
          rank,
          start: () => {},
        }
        if (!exclusive) sharing += 1
        join(ticket)
        return ticket
      }),
      (ticket) =>
        untilStart(ticket).pipe(
          Effect.andThen(settled),
          Effect.andThen(() => work(share())),
        ),
      (ticket) =>
        Effect.sync(() => {
          if (!exclusive) sharing -= 1
          if (ticket.granted === undefined) giveUp(ticket)
          else afterTurns(heldTurns, () => giveUp(ticket))
        }),
    )
  }
  return { use }
}

export interface Turns {
  /**
   * The run's own; what holds one that is not this run's to give, as an earlier run's stage in watch mode, takes it
   * here.
   */
  readonly slots: Slots
  /** Runs `work` when it is the stage's turn. */
  readonly take: <A, E, R>(
    stage: PreparedStage,
    work: (lease: Lease) => Effect.Effect<A, E, R>,
  ) => Effect.Effect<A, E, R>
}

interface TurnsOptions {
  readonly jobs: number
  readonly engine: ResolvedEngine
  /** Asked once, when the first stage is about to compute on a GPU. */
  readonly gpu: () => GpuIdentity | undefined
  /** Of stages that wait in this run, the lowest rank goes first. */
  readonly rankOf: (node: StageNode) => number
  readonly run: string
  /** What it runs, for others that wait: the pipeline's name. */
  readonly pipeline: string
  readonly emit: Emit
}

export const makeTurns = (options: TurnsOptions): Turns => {
  const { jobs, engine, rankOf, run, pipeline, emit } = options
  const folder = leaseFolder()
  let known: GpuIdentity | undefined
  const gpu = (): GpuIdentity => (known ??= options.gpu() ?? { id: `${engine.device}:${engine.deviceIndex ?? 0}` })
  // Whether stages fit side by side on a GPU is for the leases to say, which know their sizes.
  const slots = makeSlots(jobs, jobs)
  /** Without a registry this run's own stages still do not share a GPU. */
  const unshared = Semaphore.makeUnsafe(1)
  let troubled = false

  const needsOf = ({ kind, node }: PreparedStage, threads: number): Wants => {
    if (kind.exclusive === true) return { type: 'machine' }
    if (engine.device === 'cpu' || !kind.usesEngine) return { type: 'cpu', threads }
    const { id, bytes: deviceBytes } = gpu()
    const bytes = kind.gpuBytes?.(node)
    return {
      type: 'gpu',
      device: id,
      ...(bytes === undefined ? {} : { bytes }),
      ...(deviceBytes === undefined ? {} : { deviceBytes }),
    }
  }

  const leased = <A, E, R>(
    stage: PreparedStage,
    threads: number,
    work: (lease: Lease) => Effect.Effect<A, E, R>,
  ): Effect.Effect<A, E, R> => {
    const wants = needsOf(stage, threads)
    const { name } = stage.node
    const request = {
      wants,
      run,
      what: `${name} of ${pipeline}`,
      jobs,
      onWait: (holder: string, resource: string) => emit({ type: 'stage-waiting', stage: name, holder, resource }),
    }
    const lease = takeLease(folder, request).pipe(
      Effect.map((taken): Lease => ({
        threads: wants.type === 'cpu' ? taken.threads : threads,
        // Cores are free again when the system says so; a GPU's memory when its process is gone.
        worker: wants.type === 'cpu' ? () => {} : taken.worker,
      })),
      Effect.catch((cause) =>
        Effect.gen(function* () {
          if (!troubled) emit({ type: 'warning', message: leaseTrouble(folder, cause) })
          troubled = true
          if (wants.type === 'gpu') yield* Effect.acquireRelease(unshared.take(1), () => unshared.release(1))
          return { threads, worker: () => {} } satisfies Lease
        }),
      ),
    )
    return Effect.scoped(Effect.flatMap(lease, work)) as Effect.Effect<A, E, R>
  }

  return {
    slots,
    take: (stage, work) => {
      const { kind, node } = stage
      const gpu = engine.device !== 'cpu' && kind.usesEngine ? `${engine.device}:${engine.deviceIndex ?? 0}` : undefined
      const request = { gpu, exclusive: kind.exclusive === true, rank: rankOf(node), quick: kind.warm === true }
      return slots.use(request, (threads) => leased(stage, threads, work))
    },
  }
}
