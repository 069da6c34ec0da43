/** Which process it is, across machines and across the reuse of process ids, and whether it lives. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import { errorCode } from './files.js'

export interface ProcessIdentity {
  readonly host: string
  readonly pid: number
  /** When the process started: a process id alone is used again. */
  readonly started: string
}

/** How long a process of another machine may go without touching its file. */
const foreignTimeoutMs = 30_000

/** How often one that holds a file touches it. */
export const signOfLifeMs = 2_000

/**
 * Linux: state and start time (clock ticks since boot) of a process. Elsewhere the process id has to do. A zombie is dead:
 * where nobody buries them, as in many containers, they would hold their locks for ever.
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

/** A process of this machine. */
export const identityOfProcess = (pid: number): ProcessIdentity => ({
  host: os.hostname(),
  pid,
  started: statOf(pid)?.started ?? '',
})

export const thisProcess = identityOfProcess(process.pid)

/** `file` is what the process holds; one of another machine is known by touching it. */
export const isAlive = (holder: ProcessIdentity, file: string): boolean => {
  if (holder.host !== thisProcess.host) {
    const stat = fs.statSync(file, { throwIfNoEntry: false })
    return stat !== undefined && Date.now() - stat.mtimeMs < foreignTimeoutMs
  }
  try {
    process.kill(holder.pid, 0)
  } catch (cause) {
    if (errorCode(cause) === 'ESRCH') return false
  }
  const stat = statOf(holder.pid)
  return stat === undefined || (!stat.isZombie && stat.started === holder.started)
}

/** Says again and again that whoever holds the file lives; until the timer is cleared. */
export const keepAlive = (file: string): NodeJS.Timeout =>
  setInterval(() => fs.utimes(file, new Date(), new Date(), () => {}), signOfLifeMs).unref()
