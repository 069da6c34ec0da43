/** Which process it is, across machines and across the reuse of process ids, and whether it lives. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import { errorCode } from './errors.js'

export interface ProcessIdentity {
  readonly host: string
  readonly pid: number
  /** When the process started: a process id alone is used again. */
  readonly started: string
}

/** How long a process of another machine may go without touching its file. */
const foreignTimeoutMs = 30_000

/** How often a process that holds a file touches it. */
const signOfLifeMs = 2_000

/**
 * State and start time (clock ticks since boot) of a process on Linux; undefined elsewhere, where the process id has to
 * do. A zombie counts as dead: where no parent waits for it, as in many containers, it would hold its locks for ever.
 */
const statOf = (pid: number): { readonly isZombie: boolean; readonly started: string } | undefined => {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { isZombie: fields[0] === 'Z' || fields[0] === 'X', started: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

/** Whether a process of this machine has this id, which may be a new process under an old id. */
export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    // EPERM: there is one, another user's.
    return errorCode(cause) !== 'ESRCH'
  }
}

/** A process of this machine. */
export const identityOfProcess = (pid: number): ProcessIdentity => ({
  host: os.hostname(),
  pid,
  started: statOf(pid)?.started ?? '',
})

export const thisProcess = identityOfProcess(process.pid)

/** `file` is what the process holds. One of another machine lives if it has touched it lately (`keepAlive`). */
export const isAlive = (holder: ProcessIdentity, file: string): boolean => {
  if (holder.host !== thisProcess.host) {
    const stat = fs.statSync(file, { throwIfNoEntry: false })
    return stat !== undefined && Date.now() - stat.mtimeMs < foreignTimeoutMs
  }
  if (!isRunning(holder.pid)) return false
  const stat = statOf(holder.pid)
  return stat === undefined || (!stat.isZombie && stat.started === holder.started)
}

/** Touches a file again and again, which tells other machines that its holder lives; until the timer is cleared. */
export const keepAlive = (file: string): NodeJS.Timeout =>
  setInterval(() => fs.utimes(file, new Date(), new Date(), () => {}), signOfLifeMs).unref()
