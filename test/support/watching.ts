/** `genepool watch` as a user starts it, and what it says. */
import { readFileSync, readdirSync } from 'node:fs'
import type { WatchEvent } from '../../src/cli/watch/watch-events.js'
import type { RunEvent } from '../../src/runtime/events.js'
import type { Running } from './child.js'
import { startCli } from './cli.js'
import { workspaceForEach, type Workspace } from './workspace.js'

type OfRound = { readonly round: number; readonly run: string | null }
export type WatchLine = (RunEvent & OfRound) | WatchEvent
type LineOf<T extends WatchLine['type']> = Extract<WatchLine, { readonly type: T }>

/** A moment between two lines. */
export type Moment = number

export interface Watching {
  readonly running: Running
  readonly now: () => Moment
  readonly since: (moment: Moment) => readonly WatchLine[]
  /** The first such line after a moment, as soon as it is there. */
  readonly after: <T extends WatchLine['type']>(
    moment: Moment,
    type: T,
    matches?: (line: LineOf<T>) => boolean,
  ) => Promise<LineOf<T>>
}

export const startWatch = (
  workspace: Workspace,
  call: string,
  env: Readonly<Record<string, string>> = {},
): Watching => {
  // It lives as long as the tests that share it, however slow the machine; each of them has its own limit.
  const running = startCli(['watch', ...call.split(' '), '--json'], { cwd: workspace.path, env, timeoutMs: 1_800_000 })
  const lines: WatchLine[] = []
  const seen = new Set<unknown>()
  const note = (line: unknown): void => {
    if (!seen.has(line)) lines.push(line as WatchLine)
    seen.add(line)
  }
  // Asked of every line, and never content: it ends, in vain, with the program.
  running.waitFor((line) => note(line) as undefined as never).catch(() => {})
  return {
    running,
    now: () => lines.length,
    since: (moment) => lines.slice(moment),
    after: async (moment, type, matches = () => true) => {
      const found = await running.waitFor((event) => {
        note(event)
        const line = event as WatchLine
        return lines.indexOf(line) >= moment && line.type === type && matches(line as LineOf<typeof type>)
      })
      return found as unknown as LineOf<typeof type>
    },
  }
}

/** Kills what is left of it. */
export const endWatch = async ({ running }: Watching): Promise<void> => {
  try {
    running.signalGroup('SIGKILL')
  } catch {
    // It has ended.
  }
  await running.done
}

/** A fresh workspace for every test, and watches in it that are gone before it is. */
export const watchedWorkspaceForEach = () => {
  const started: Watching[] = []
  afterEach(async () => {
    for (const watching of started.splice(0)) await endWatch(watching)
  })
  const workspace = workspaceForEach()
  const watch = (call: string, env?: Readonly<Record<string, string>>): Watching => {
    const watching = startWatch(workspace, call, env)
    started.push(watching)
    return watching
  }
  return { workspace, watch }
}

/** The files that were noticed, each as often as it was. */
export const noticed = (lines: readonly WatchLine[]): readonly string[] =>
  lines.flatMap((line) => (line.type === 'watch-changed' ? line.files.map(({ path }) => path) : []))

export const typesOf = (lines: readonly WatchLine[]): readonly string[] => lines.map(({ type }) => type)

/** Ids of all processes of a group that still run. */
export const processesOf = (group: number): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return Number(pgrp) === group && state !== 'Z'
      } catch {
        return false
      }
    })
