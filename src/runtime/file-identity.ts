/**
 * What is known of a file's contents, remembered by the file's identity (inode, size, times), so that a run in which
 * nothing changed reads no file twice. One index a kind of knowledge, kept in the store.
 */
import * as fs from 'node:fs'
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { errorCode } from '../base/errors.js'
import { expectFile, readTextIfThere, writeFileAtomic } from '../base/files.js'
import { checkedText, readChecked } from './checked-text.js'
import { atOnce, type InParts, readInParts } from './in-parts.js'

interface Entry<A> {
  readonly identity: string
  /** When the contents were read, in milliseconds since 1970. */
  readonly readAt: number
  readonly known: A
}

/**
 * Two writes within one tick of the file system's clock leave the same times, so a file read this soon is read again.
 */
export const clockTickMs = 50

/** There is no file: what should be a folder above it is a file, or links lead in a circle. */
const leadsNowhere = ['ENOTDIR', 'ELOOP']

/** The file's identity, or undefined where there is no file. Changes whenever its contents may have changed. */
export const identityOf = (file: string): string | undefined => {
  try {
    const stat = fs.statSync(file, { bigint: true, throwIfNoEntry: false })
    return stat === undefined ? undefined : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`
  } catch (cause) {
    if (leadsNowhere.includes(errorCode(cause) ?? '')) return undefined
    throw cause
  }
}

/** Undefined also where the file cannot be looked at: it is of no use then. */
export const identityIfAny = (file: string): string | undefined => {
  try {
    return identityOf(file)
  } catch {
    return undefined
  }
}

/** A number would not hold nanoseconds. */
const msOf = (nanoseconds: string | undefined): number => Number(nanoseconds?.slice(0, -6) ?? 0)

/** When anything about the file of this identity last changed, in milliseconds since 1970. */
export const changedAtMs = (identity: string): number => msOf(identity.slice(identity.lastIndexOf(':') + 1))

/** When the file of this identity was last written to, in milliseconds since 1970. */
export const mtimeOf = (identity: string): number => msOf(identity.split(':')[3])

/** The part of an identity that stays as it is when a file gets another name, another link or other rights. */
export const dataIdentityOf = (identity: string): string => identity.slice(0, identity.lastIndexOf(':'))

export const fileSizeOf = (identity: string): number => Number(identity.split(':')[2])

/** Whether the file had last changed well before its contents were read: then the identity stands for what was read. */
export const isSettled = (identity: string, readAt: number): boolean => changedAtMs(identity) + clockTickMs < readAt

/** sha256 of a file's bytes, hexadecimal, in constant memory. */
export function* hashInParts(file: string): InParts<string> {
  expectFile(file)
  const hash = createHash('sha256')
  const descriptor = fs.openSync(file, 'r')
  try {
    yield* readInParts(descriptor, (part) => hash.update(part))
  } finally {
    fs.closeSync(descriptor)
  }
  return hash.digest('hex')
}

/** The same at once: for small files. */
export const hashFile = (file: string): string => atOnce(hashInParts(file))

/**
 * Knowledge of type A about files, in one file: JSON behind its own hash. A damaged index is an empty one: it only
 * saves work.
 */
export class FileIndex<A> {
  readonly #path: string
  readonly #version: string
  readonly #entries: Map<string, Entry<A>>
  #changed = false

  /** `version` names the way A is computed; an index of another version is not used. */
  constructor(path: string, version: string) {
    this.#path = path
    this.#version = version
    this.#entries = FileIndex.#load<A>(path, version)
  }

  static #load<A>(path: string, version: string): Map<string, Entry<A>> {
    try {
      const parsed = JSON.parse(readChecked(readTextIfThere(path) ?? '') ?? '{}') as {
        version?: string
        files?: Record<string, Entry<A>>
      }
      if (parsed.version === version && parsed.files !== undefined) return new Map(Object.entries(parsed.files))
    } catch {
      // Falls through: what cannot be read is computed again.
    }
    return new Map()
  }

  /** What is known of the file as it is now, `now` its identity, if it was read since it last changed. */
  peek(file: string, now = identityOf(file)): A | undefined {
    const entry = this.#entries.get(file)
    if (entry === undefined || entry.identity !== now) return undefined
    return isSettled(entry.identity, entry.readAt) ? entry.known : undefined
  }

  /** What was known of the file when it was last read, and its identity then, whatever it is now. */
  last(file: string): Pick<Entry<A>, 'identity' | 'known'> | undefined {
    return this.#entries.get(file)
  }

  /** `readAt` is when reading began: what was written while it went on must not pass for read. */
  remember(file: string, identity: string, known: A, readAt = Date.now()): void {
    this.#entries.set(file, { identity, readAt, known })
    this.#changed = true
  }

  save(): void {
    // An index only saves work: it never makes a store where there is none.
    if (!this.#changed || !fs.existsSync(dirname(dirname(this.#path)))) return
    try {
      const text = JSON.stringify({ version: this.#version, files: Object.fromEntries(this.#entries) })
      writeFileAtomic(this.#path, checkedText(text))
    } catch {
      // A store that cannot be written can still be read; the work is done again next time.
    }
    this.#changed = false
  }
}
