/** How much memory this process and its workers may use, and how often the kernel has ended one of them for want of it. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'

export interface MemoryBounds {
  /** The machine's memory, or the least that a control group of this process is given. */
  readonly bytes: number
  /** Processes of this control group that the kernel's out-of-memory killer has ended; undefined where it does not tell. */
  readonly kills: number | undefined
}

/** Where the memory controller keeps the files of a control group: version 2, version 1. */
const controllers = [
  { of: /^0::(.*)$/m, root: '', limit: 'memory.max', events: 'memory.events' },
  {
    of: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m,
    root: 'memory',
    limit: 'memory.limit_in_bytes',
    events: 'memory.oom_control',
  },
] as const

/** The group's folder and those above it; in a container the own folder may be all that there is. */
const upwards = (group: string): readonly string[] => {
  const folders: string[] = []
  for (let at = path.posix.join('/', group); ; at = path.posix.dirname(at)) {
    folders.push(at)
    if (at === '/') return folders
  }
}

/** `root` is where /proc and /sys are. */
export const memoryBounds = (root = '/', machineBytes = os.totalmem()): MemoryBounds => {
  const read = (...names: readonly string[]): string => {
    try {
      return fs.readFileSync(path.join(root, ...names), 'utf8')
    } catch {
      return ''
    }
  }
  const groups = read('proc/self/cgroup')
  let bytes = machineBytes
  let kills: number | undefined
  for (const { of, root: at, limit, events } of controllers) {
    const group = of.exec(groups)?.[1]
    if (group === undefined) continue
    for (const folder of upwards(group)) {
      const most = Number.parseInt(read('sys/fs/cgroup', at, folder, limit), 10)
      if (most > 0) bytes = Math.min(bytes, most)
      // The nearest one that tells: those above it count their other groups' too.
      const counted = /^oom_kill (\d+)$/m.exec(read('sys/fs/cgroup', at, folder, events))?.[1]
      if (kills === undefined && counted !== undefined) kills = Number(counted)
    }
  }
  // Counts the whole machine's, so only where no group does.
  const machines = /^oom_kill (\d+)$/m.exec(read('proc/vmstat'))?.[1]
  kills ??= machines === undefined ? undefined : Number(machines)
  return { bytes, kills }
}
