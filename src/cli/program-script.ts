/**
 * Runs the program's script, and keeps what the engine has compiled of it in the user's cache folder: compiling it anew takes
 * longer than all that a run with nothing to do does afterwards.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import * as v8 from 'node:v8'
import * as vm from 'node:vm'
import { cacheFolder, cacheFolderMode } from '../base/cache-folder.js'
import { makeFolder, removeOldest, writeFileAtomic } from '../base/files.js'
import type * as Program from './program.js'
import type { Part } from './program.js'

/** What the script is a function of: what modules have and scripts have not. It sets `module.exports`. */
type Script = (
  module: { exports: unknown },
  require: NodeJS.Require,
  programUrl: string,
  programImport: (specifier: string) => unknown,
) => void

/** Kept at most, the latest ones, a megabyte each: one a command, installation of the program and Node. */
const mostKept = 40

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

const digestBytes = 64

/** The engine takes what it is given for its own, damaged or not. */
const readCode = (file: string): Buffer | undefined => {
  try {
    const bytes = fs.readFileSync(file)
    const code = bytes.subarray(digestBytes)
    return bytes.toString('latin1', 0, digestBytes) === sha256(code) ? code : undefined
  } catch {
    return undefined
  }
}

/** A folder that cannot be written costs the next call some milliseconds, nothing else. */
const keepCode = (file: string, code: Buffer): void => {
  try {
    makeFolder(path.dirname(file), cacheFolderMode)
    writeFileAtomic(file, Buffer.concat([Buffer.from(sha256(code), 'latin1'), code]))
    removeOldest(path.dirname(file), mostKept)
  } catch {
    // See above.
  }
}

/** The program that interprets it: two builds of one version do not take each other's code. */
const interpreter = (): readonly unknown[] => {
  const { size, mtimeMs } = fs.statSync(process.execPath)
  const { version, platform, arch, execPath } = process
  return [version, platform, arch, execPath, size, mtimeMs, v8.cachedDataVersionTag()]
}

/**
 * Each part, and each command, has its own: what one of them does not call is compiled when another does. The engine itself
 * asks for no more than a source of the same length, and takes the file's name from what was kept.
 */
const fileOf = (filename: string, source: Buffer, part: Part, command: string | undefined): string => {
  const named = part !== 'main' ? part : command !== undefined && /^[a-z]{1,16}$/.test(command) ? command : 'other'
  const key = sha256(JSON.stringify([filename, sha256(source), ...interpreter(), ...process.execArgv]))
  return path.join(cacheFolder(), 'program', `${named}-${key.slice(0, 32)}`)
}

const wrongCall = 2

const runScript = (url: URL, part: Part): typeof Program => {
  const filename = fileURLToPath(url)
  const source = fs.readFileSync(filename)
  const file = fileOf(filename, source, part, process.argv[2])
  const cachedData = readCode(file)
  // All of it is ASCII.
  const script = new vm.Script(source.toString('latin1'), { filename, ...(cachedData && { cachedData }) })
  const isKept = cachedData !== undefined && script.cachedDataRejected === false
  // At the end it holds the functions that have been called, too. There are more wrong calls than commands.
  if (!isKept) process.once('exit', (code) => code !== wrongCall && keepCode(file, script.createCachedData()))
  const module: { exports: unknown } = { exports: {} }
  const run = script.runInThisContext() as Script
  run(module, createRequire(url), url.href, (specifier) => import(specifier))
  return module.exports as typeof Program
}

/** Begins a part of the program, of its script where there is one: compiled and not bundled, it is the same. */
export const runPart = async (part: Part): Promise<void> => {
  const bundled = new URL('../program.cjs', import.meta.url)
  const { parts } = fs.existsSync(bundled) ? runScript(bundled, part) : await import('./program.js')
  await parts[part]()
}
