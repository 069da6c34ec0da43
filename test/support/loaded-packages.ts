/** Which packages the processes of a run have loaded. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCli } from './cli.js'
import type { Finished, StartOptions } from './child.js'

const recorder = new URL('./record-loaded.js', import.meta.url).href

export interface Loaded {
  readonly run: Finished
  /** By the run itself, and by its workers. */
  readonly byRun: readonly string[]
  readonly byWorkers: readonly string[]
  /** By the processes in which engines are tried. */
  readonly byTrials: readonly string[]
}

/** Runs the command line and records; the records go into a new folder of `cwd`. */
export const runRecorded = async (args: readonly string[], options: StartOptions): Promise<Loaded> => {
  const folder = mkdtempSync(join(options.cwd, 'loaded-'))
  const env = { ...options.env, NODE_OPTIONS: `--import ${recorder}`, LOADED_PACKAGES: folder }
  const run = await runCli(args, { ...options, env })
  const packagesOf = (role: string): readonly string[] => [
    ...new Set(
      readdirSync(folder)
        .filter((name) => name.startsWith(`${role}-`))
        .flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as string[]),
    ),
  ]
  return { run, byRun: packagesOf('bin'), byWorkers: packagesOf('worker-bin'), byTrials: packagesOf('trial-bin') }
}
