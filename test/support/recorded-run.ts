/** What the command line does in a run: scripts that it loads, files that it opens, processor time that it takes. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finished, StartOptions } from './child.js'
import { runCli } from './cli.js'

const recorder = new URL('./record-run.js', import.meta.url).href

export interface RecordedRun {
  readonly run: Finished
  /** One a process and a thread of Node's: addresses of all scripts that it loaded, modules of Node's left out. */
  readonly scripts: readonly (readonly string[])[]
  /** Absolute paths, of all processes together, as often as they were opened. */
  readonly opened: readonly string[]
  readonly cpuMs: number
}

const jsonIn = <A>(folder: string): readonly A[] =>
  readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as A)

interface Coverage {
  readonly result: readonly { readonly url: string }[]
}

export const recordRun = async (args: readonly string[], options: StartOptions): Promise<RecordedRun> => {
  const [coverage, records] = ['scripts-', 'records-'].map((name) => mkdtempSync(join(options.cwd, name))) as [
    string,
    string,
  ]
  const env = {
    ...options.env,
    NODE_OPTIONS: `--import ${recorder}`,
    RECORDED: records,
    // Names every script that was loaded, whichever loader it came by.
    NODE_V8_COVERAGE: coverage,
  }
  const run = await runCli(args, { ...options, env })
  const recorded = jsonIn<{ readonly opened: readonly string[]; readonly cpuMs: number }>(records)
  return {
    run,
    scripts: jsonIn<Coverage>(coverage).map(({ result }) =>
      result.map(({ url }) => url).filter((url) => !url.startsWith('node:')),
    ),
    opened: recorded.flatMap(({ opened }) => opened),
    cpuMs: recorded.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
  }
}
