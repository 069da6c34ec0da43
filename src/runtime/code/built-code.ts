/**
 * The code of the built-in stages as the build has found it, beside their modules: `teacher.code.json`. It holds as
 * long as every file that it was found in is what it was; else the code is read again.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { readTextIfThere } from '../../base/files.js'
import { hashFile, identityOf } from '../file-identity.js'
import type { CodeRecord } from './code-record.js'

/** A package that code reaches, and the file by which it does. */
export interface ReachedPackage {
  readonly name: string
  readonly from: string
}

export interface BuiltCode {
  /** Without the versions of packages. */
  readonly record: CodeRecord
  /** Label → absolute path. */
  readonly files: ReadonlyMap<string, string>
  readonly packages: readonly ReachedPackage[]
}

interface Stored {
  /** What found it. */
  readonly by: string
  /** Label → path from the module's folder, with the sha256 of its bytes. */
  readonly files: Readonly<Record<string, readonly [file: string, sha256: string]>>
  readonly packages: readonly ReachedPackage[]
  readonly record: CodeRecord
}

const fileOf = (module: string): string => `${module.slice(0, -path.extname(module).length)}.code.json`

const hashes = new Map<string, string>()

/** Most files are those of several stages: none is read twice, unless it was touched. */
const hashOf = (file: string): string => {
  const key = `${file} ${identityOf(file)}`
  const known = hashes.get(key) ?? hashFile(file)
  hashes.set(key, known)
  return known
}

/** Undefined where there is none, or where a file is no longer what it was built from, or another reader's (`by`). */
export const readBuiltCode = (module: string, by?: string): BuiltCode | undefined => {
  const text = readTextIfThere(fileOf(module))
  if (text === undefined) return undefined
  try {
    const { files, packages, record, by: maker } = JSON.parse(text) as Stored
    if (by !== undefined && by !== maker) return undefined
    const folder = path.dirname(module)
    const found = new Map<string, string>()
    for (const [label, [name, sha256]] of Object.entries(files)) {
      const file = path.join(folder, name)
      if (hashOf(file) !== sha256) return undefined
      found.set(label, file)
    }
    const from = (each: ReachedPackage): ReachedPackage => ({ ...each, from: path.join(folder, each.from) })
    return { record, files: found, packages: packages.map(from) }
  } catch {
    return undefined
  }
}

export const writeBuiltCode = (module: string, by: string, { record, files, packages }: BuiltCode): void => {
  const folder = path.dirname(module)
  const stored: Stored = {
    by,
    files: Object.fromEntries(
      [...files].map(([label, file]) => [label, [path.relative(folder, file), hashOf(file)] as const]),
    ),
    packages: packages.map(({ name, from }) => ({ name, from: path.relative(folder, from) })),
    record,
  }
  fs.writeFileSync(fileOf(module), JSON.stringify(stored))
}
