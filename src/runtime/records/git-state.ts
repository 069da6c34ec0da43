/**
 * The state of the repository that holds a definition: its commit, and a hash of all that differs from it, so that two
 * states of uncommitted work can be told apart. Asked of git itself, beside other work; nothing here ever fails a run.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { errorCode, sentenceOf } from '../../base/errors.js'
import { hashFile } from '../file-identity.js'

export type GitState =
  /** The definition is in no repository. */
  | { readonly state: 'none' }
  | { readonly state: 'unknown'; readonly why: string }
  | {
      readonly state: 'known'
      /** Null before the first one. */
      readonly commit: string | null
      /** Null on a detached head. */
      readonly branch: string | null
      /**
       * sha256 over `git diff HEAD` and the source files at and below the definition's folder that git does not know;
       * null where there is nothing of either.
       */
      readonly changes: string | null
    }

/** What a definition can be made of. */
const sources = ['ts', 'mts', 'cts', 'tsx', 'js', 'mjs', 'cjs'].map((ending) => `*.${ending}`)

/** A git that hangs, on a dead network disk say, is ended after this. */
const gitMs = 20_000

/** A hook's own settings would lead git to another repository; locks of ours could stop the user's git. */
const environment = (): NodeJS.ProcessEnv => {
  const { GIT_DIR: _d, GIT_WORK_TREE: _w, GIT_INDEX_FILE: _i, GIT_PREFIX: _p, ...rest } = process.env
  return { ...rest, GIT_OPTIONAL_LOCKS: '0', LC_ALL: 'C' }
}

const git = (
  folder: string,
  args: readonly string[],
  signal: AbortSignal,
  onChunk: (chunk: Buffer) => void,
): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn('git', ['-C', folder, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment(),
      timeout: gitMs,
      signal,
    })
    let said = ''
    child.stdout.on('data', onChunk)
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(0, 500)
    })
    child.once('error', reject)
    child.once('close', (code, killed) => {
      if (code === 0) resolve()
      else reject(new Error(said.split('\n')[0]!.trim() || `git ended with ${code ?? killed}`))
    })
  })

const textOf = async (folder: string, args: readonly string[], signal: AbortSignal): Promise<string> => {
  const chunks: Buffer[] = []
  await git(folder, args, signal, (chunk) => chunks.push(chunk))
  return Buffer.concat(chunks).toString()
}

/** Whether some folder at or above is a repository's: where there is none, no process needs to be started. */
const isInRepository = (folder: string): boolean => {
  for (let at = folder; ; at = path.dirname(at)) {
    if (fs.existsSync(path.join(at, '.git'))) return true
    if (path.dirname(at) === at) return false
  }
}

const read = async (folder: string, signal: AbortSignal): Promise<GitState> => {
  const [status, untracked] = await Promise.all([
    textOf(folder, ['status', '--porcelain=v2', '--branch', '--untracked-files=no', '-z'], signal),
    textOf(folder, ['ls-files', '--others', '--exclude-standard', '-z', '--', ...sources], signal),
  ])
  const lines = status.split('\0').filter((line) => line !== '')
  const headed = (name: string): string | undefined =>
    lines.find((line) => line.startsWith(`# branch.${name} `))?.slice(`# branch.${name} `.length)
  const oid = headed('oid')
  const commit = oid === undefined || oid === '(initial)' ? null : oid
  const head = headed('head')
  const branch = head === undefined || head === '(detached)' ? null : head
  const files = untracked.split('\0').filter((name) => name !== '')
  const isChanged = lines.some((line) => !line.startsWith('# '))
  if (!isChanged && files.length === 0) return { state: 'known', commit, branch, changes: null }
  const hash = createHash('sha256')
  if (isChanged) {
    const against = commit === null ? ['--cached'] : ['HEAD']
    await git(folder, ['diff', '--binary', '--no-color', '--no-ext-diff', ...against], signal, (chunk) =>
      hash.update(chunk),
    )
  }
  for (const name of files.sort()) hash.update(`\0${name}\0${hashFile(path.join(folder, name))}`)
  return { state: 'known', commit, branch, changes: hash.digest('hex') }
}

/** Never rejects. `folder` is the definition's; aborting the signal ends git and gives `unknown`. */
export const readGitState = (folder: string, signal: AbortSignal): Promise<GitState> => {
  if (!isInRepository(folder)) return Promise.resolve({ state: 'none' })
  return read(folder, signal).catch((cause: unknown): GitState => {
    if (signal.aborted) return { state: 'unknown', why: 'git took too long' }
    const isMissing = errorCode(cause) === 'ENOENT'
    return { state: 'unknown', why: isMissing ? 'there is no git' : sentenceOf(cause) }
  })
}

export interface AskedGit {
  readonly answer: Promise<GitState>
  readonly abort: () => void
}

/** Asked before the planning, so that git works beside it. */
export const askGit = (definition: { readonly file?: string; readonly baseDir: string }): AskedGit => {
  const controller = new AbortController()
  const folder = definition.file === undefined ? definition.baseDir : path.dirname(definition.file)
  return { answer: readGitState(path.resolve(folder), controller.signal), abort: () => controller.abort() }
}
