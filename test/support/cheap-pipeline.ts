/**
 * A pipeline of cheap stages of the user's own, in plain JavaScript so that its processes start fast: `read` (a file) →
 * `count` (its words) → `shout`, and `aside`, which reads nothing. Every execution leaves a line in `executed.log`.
 */
import { existsSync, readFileSync } from 'node:fs'
import type { Manifest } from '../../src/runtime/store.js'
import { runCli, startCli } from './cli.js'
import type { Finished, Running, StartOptions } from './child.js'
import type { Workspace } from './workspace.js'

export interface CheapOptions {
  /** Parameter of `read` that does not change what it leaves. */
  readonly pause?: number
  /** Parameter of `shout`. */
  readonly mark?: string
  /** The expression behind the helper that `count` uses. */
  readonly words?: string
  /** The constant that `shout` imports. */
  readonly times?: string
  /** Put before both files. */
  readonly head?: string
  /** Body of a stage that nothing else reads; none without it. */
  readonly extra?: string
}

const library = ({ words = "text.split(' ').length", times = '2', head = '' }: CheapOptions): string => `${head}
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const executed = (stage) => appendFileSync('executed.log', stage + '\\n')
export const until = async (file) => {
  while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 5))
}
export const leave = (context, text) => writeFileSync(join(context.outDir, 'value.txt'), text)
export const valueOf = (input) => readFileSync(join(input.folder, 'value.txt'), 'utf8')
export const words = (text) => ${words}
export const times = ${times}
export const unreached = () => 'nobody calls it'
`

const definition = ({ pause = 0, mark = '!', head = '', extra }: CheapOptions): string => `${head}
import { existsSync, readFileSync } from 'node:fs'
import { pipeline, stage } from 'genepool'
import { executed, leave, times, until, valueOf, words } from './library.mjs'

const read = stage('read', {
  sources: { text: 'text.txt' },
  params: { pause: ${pause} },
  run: async (context) => {
    executed('read')
    context.progress({ phase: 'read', step: 0, steps: 2 })
    if (existsSync('hold')) await until('go')
    const text = readFileSync(context.sources.text, 'utf8')
    context.progress({ phase: 'read', step: 2, steps: 2 })
    if (existsSync('hold')) await until('end')
    leave(context, text)
  },
})
const count = stage('count', {
  inputs: { read },
  run: (context) => {
    executed('count')
    leave(context, String(words(valueOf(context.inputs.read))))
  },
})
const shout = stage('shout', {
  inputs: { count },
  params: { mark: ${JSON.stringify(mark)} },
  run: (context) => {
    executed('shout')
    leave(context, valueOf(context.inputs.count) + context.params.mark.repeat(times))
  },
})
const aside = stage('aside', {
  run: (context) => {
    executed('aside')
    leave(context, 'aside')
  },
})
${extra === undefined ? '' : `const extra = stage('extra', { run: async (context) => {\n${extra}\n} })`}
export default pipeline('cheap').add(shout, aside${extra === undefined ? '' : ', extra'})
`

export const cheapStages = ['aside', 'count', 'read', 'shout']

/** Writes the pipeline's files, `text.txt` if it is not there. */
export const defineCheap = (workspace: Workspace, options: CheapOptions = {}): void => {
  workspace.write('library.mjs', library(options))
  workspace.write('cheap.mjs', definition(options))
  if (!existsSync(workspace.file('text.txt'))) workspace.write('text.txt', 'one two three')
}

type Environment = Omit<StartOptions, 'cwd'>

export const startCheap = (
  workspace: Workspace,
  args: readonly string[] = [],
  environment: Environment = {},
): Running => startCli(['run', 'cheap.mjs', '--json', ...args], { cwd: workspace.path, ...environment })

export const runCheap = (
  workspace: Workspace,
  args: readonly string[] = [],
  environment: Environment = {},
): Promise<Finished> => startCheap(workspace, args, environment).done

/** Which stages have been executed since the beginning, in that order. */
export const executedIn = (workspace: Workspace): readonly string[] =>
  existsSync(workspace.file('executed.log'))
    ? readFileSync(workspace.file('executed.log'), 'utf8').split('\n').filter(Boolean)
    : []

export const blobPath = (workspace: Workspace, sha256: string, store = '.genepool'): string =>
  workspace.file(store, 'blobs', sha256.slice(0, 2), sha256)

/** What the command line shows of a stage. */
export const manifestOf = async (workspace: Workspace, stage: string): Promise<Manifest> => {
  const { stdout, stderr } = await runCli(['show', 'cheap.mjs', stage, '--json'], { cwd: workspace.path })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as Manifest
}

/** What a stage has left, as the store serves it. */
export const servedValue = async (workspace: Workspace, stage: string): Promise<string> => {
  const { files } = await manifestOf(workspace, stage)
  return readFileSync(blobPath(workspace, files['value.txt']!.sha256), 'utf8')
}
