/** What a process and all that it has started use, as Linux tells it in /proc; elsewhere nothing is known. */
import * as fs from 'node:fs'
import { readTextOrEmpty } from '../../base/files.js'

/** One look at a tree of processes. */
export interface TreeSample {
  /** Processor time, user's and system's, of the processes that live and of those they have buried. */
  readonly cpuMs: number
  /** Resident memory; pages that processes share count in each. */
  readonly rssBytes: number
  /** Whether the first process has been stopped (SIGSTOP), and has not been told to go on. */
  readonly stopped: boolean
  readonly processes: readonly SeenProcess[]
}

/** A process and when it started, in ticks since boot: process ids are used again. */
export interface SeenProcess {
  readonly pid: number
  readonly started: string
}

export const canMeasureProcesses = process.platform === 'linux'

/** Linux reports processor time in hundredths of a second, whatever its own clock. */
const msPerTick = 10

const childrenOf = (pid: number): readonly number[] => {
  let threads: readonly string[]
  try {
    threads = fs.readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
  return threads.flatMap((thread) =>
    readTextOrEmpty(`/proc/${pid}/task/${thread}/children`)
      .split(' ')
      .filter((child) => child.trim() !== '')
      .map(Number),
  )
}

/** The process and everything below it, itself first. */
const processTree = (pid: number): readonly number[] => {
  if (!canMeasureProcesses) return [pid]
  const all = [pid]
  for (let index = 0; index < all.length; index++) all.push(...childrenOf(all[index]!))
  return all
}

/** Fields of /proc/PID/stat from the state on; the name before it may hold anything. */
const statFields = (pid: number): readonly string[] => {
  const stat = readTextOrEmpty(`/proc/${pid}/stat`)
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** Undefined where nothing is known: the process has ended, or this is not Linux. */
export const sampleTree = (pid: number): TreeSample | undefined => {
  if (!canMeasureProcesses || !fs.existsSync(`/proc/${pid}`)) return undefined
  let [ticks, kibibytes] = [0, 0]
  let stopped = false
  const processes: SeenProcess[] = []
  for (const each of processTree(pid)) {
    const fields = statFields(each)
    processes.push({ pid: each, started: fields[19] ?? '' })
    // utime, stime and, of children that have ended, cutime, cstime.
    for (const field of fields.slice(11, 15)) ticks += Number(field) || 0
    if (each === pid) stopped = fields[0] === 'T'
    kibibytes += Number(/^VmRSS:\s*(\d+)/m.exec(readTextOrEmpty(`/proc/${each}/status`))?.[1] ?? 0)
  }
  return { cpuMs: ticks * msPerTick, rssBytes: kibibytes * 1024, stopped, processes }
}

/** Ends the process at once. */
const kill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** Ends the process and everything below it, from the leaves up: a parent's death would hide its children. */
export const killTree = (pid: number): void => {
  for (const each of [...processTree(pid)].reverse()) kill(each)
}

/** Ends those of them that are still there. */
export const killSeen = (processes: readonly SeenProcess[]): void => {
  for (const { pid, started } of processes) {
    if (started !== '' && statFields(pid)[19] === started) kill(pid)
  }
}
