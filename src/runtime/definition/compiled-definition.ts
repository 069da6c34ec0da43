/**
 * A definition's file and all local files that it imports, compiled into one script and kept between runs: a run in which
 * none of them changed neither starts a compiler nor registers a loader. What is kept is code, never a definition: it is
 * evaluated in every run, because it may read the environment or files.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { createHash } from 'node:crypto'
import { readTextIfThere, writeFileAtomic } from '../atomic-file.js'
import { checkedText, readChecked } from '../checked-text.js'
import { changedAtMs, clockTickMs, identityOf } from '../file-identity.js'
import { makeFolder } from '../make-folder.js'

/** This package or a module of Node's, which the script asks for by its place in `externals`. */
export interface External {
  readonly specifier: string
  /** The file that imports it: where its name is looked up. */
  readonly from: string
}

export interface CompiledScript {
  /** CommonJS; strict by whoever evaluates it. */
  readonly code: string
  /** Source map of `code`, whose sources are absolute paths. */
  readonly map: string
  readonly externals: readonly External[]
}

export interface CompiledDefinition {
  /** Undefined where something about the files is unusual, so that the loader of TypeScript has to take them. */
  readonly script?: CompiledScript
  /** Everything that was looked at, with its identity; null for what was looked for and was not there. */
  readonly files: Readonly<Record<string, string | null>>
  /** When they were read, in milliseconds since 1970. */
  readonly readAt: number
}

/** Raised when compiled scripts change their form. */
const form = 1

/** Definitions whose compiled scripts are kept, the latest ones. */
const mostKept = 200

const version = (): string => `${form} ${process.version}`

const placeOf = (folder: string, file: string): string =>
  path.join(folder, `${createHash('sha256').update(file).digest('hex').slice(0, 32)}.json`)

const isAsItWas = ([file, identity]: readonly [string, string | null], readAt: number): boolean => {
  const now = identityOf(file) ?? null
  if (now !== identity) return false
  return now === null || changedAtMs(now) + clockTickMs < readAt
}

const isUnchanged = ({ files, readAt }: CompiledDefinition): boolean =>
  Object.entries(files).every((entry) => isAsItWas(entry, readAt))

/** What is kept of this file, if nothing that it was made from has changed since. */
export const keptDefinition = (folder: string, file: string): CompiledDefinition | undefined => {
  try {
    const text = readChecked(readTextIfThere(placeOf(folder, file)) ?? '')
    if (text === undefined) return undefined
    const kept = JSON.parse(text) as { version?: string; file?: string; compiled: CompiledDefinition }
    if (kept.version !== version() || kept.file !== file) return undefined
    return isUnchanged(kept.compiled) ? kept.compiled : undefined
  } catch {
    // What cannot be read is compiled again.
    return undefined
  }
}

const forgetOldest = (folder: string): void => {
  const names = fs.readdirSync(folder)
  if (names.length <= mostKept) return
  const aged = names.map((name) => ({ name, at: fs.statSync(path.join(folder, name)).mtimeMs }))
  aged.sort((a, b) => b.at - a.at)
  for (const { name } of aged.slice(mostKept / 2)) fs.rmSync(path.join(folder, name), { force: true })
}

export const keepDefinition = (folder: string, file: string, compiled: CompiledDefinition): void => {
  try {
    // Code that will run as this user: nobody else may put something there.
    makeFolder(folder, 0o700)
    writeFileAtomic(placeOf(folder, file), checkedText(JSON.stringify({ version: version(), file, compiled })))
    forgetOldest(folder)
  } catch {
    // It is compiled again next time.
  }
}
