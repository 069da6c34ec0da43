/** Stored bytes under their sha256: taking them in, and telling whether they are still what they were. */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { promisify } from 'node:util'
import { errorCode } from '../../base/errors.js'
import { writeFileAtomic } from '../../base/files.js'
import {
  clockTickMs,
  dataIdentityOf,
  fileSizeOf,
  hashInParts,
  identityIfAny,
  identityOf,
  mtimeOf,
} from '../file-identity.js'
import { copyInParts, type InParts } from '../in-parts.js'
import type { StoredFile } from './manifest.js'
import { ensureFolder, quarantine } from './quarantine.js'

interface Verified {
  readonly identity: string
  /** When hashing began, in milliseconds since 1970. */
  readonly hashedAt: number
}

const linePattern = /^([0-9a-f]{64}) (\d+:\d+:\d+:\d+:\d+) (\d+)$/

/** Lines beyond this many and twice what they say are written anew. */
const spareLines = 1_000

/**
 * Which blobs have been hashed and have not changed since, so that no byte is read twice: for each the identity of its
 * file (device, inode, size, times) at that moment. Whatever writes to a file moves its ctime, which no program can
 * set, so that damage which keeps size and mtime is seen; what changes below the file system is not, and `store verify`
 * reads all.
 *
 * The index is one text file, read once and only appended to, a line an entry: two runs append side by side, a line
 * that a kill cut short is no entry, and of several lines about one blob the last one counts.
 */
class VerifiedBlobs {
  readonly #path: string
  #entries: Map<string, Verified> | undefined
  /** It cannot be written. */
  #isLost = false

  constructor(path: string) {
    this.#path = path
  }

  #load(): Map<string, Verified> {
    if (this.#entries !== undefined) return this.#entries
    const entries = new Map<string, Verified>()
    this.#entries = entries
    let lines: readonly string[] = []
    try {
      lines = fs.readFileSync(this.#path, 'utf8').split('\n')
    } catch {
      // What cannot be read is hashed again.
    }
    for (const line of lines) {
      const [, sha256, identity, hashedAt] = linePattern.exec(line) ?? []
      if (sha256 !== undefined && identity !== undefined) entries.set(sha256, { identity, hashedAt: Number(hashedAt) })
    }
    if (lines.length > 2 * entries.size + spareLines) this.#rewrite(entries)
    return entries
  }

  /** Whether it could: an index only saves work. */
  #rewrite(entries: ReadonlyMap<string, Verified>): boolean {
    try {
      writeFileAtomic(this.#path, [...entries].map(([sha256, entry]) => this.#line(sha256, entry)).join(''))
      return true
    } catch {
      return false
    }
  }

  #line(sha256: string, { identity, hashedAt }: Verified): string {
    return `${sha256} ${identity} ${hashedAt}\n`
  }

  /** When the file of this identity began to be hashed to this sha256; undefined where that is not known. */
  hashedAt(sha256: string, identity: string): number | undefined {
    const entry = this.#load().get(sha256)
    return entry?.identity === identity ? entry.hashedAt : undefined
  }

  /**
   * Whether the file of this identity holds these bytes. One that was still being written within the clock's tick
   * before it was hashed may have been written to after that without a trace.
   */
  has(sha256: string, identity: string): boolean {
    const at = this.hashedAt(sha256, identity)
    return at !== undefined && mtimeOf(identity) + clockTickMs < at
  }

  note(sha256: string, identity: string, hashedAt: number): void {
    const entry = { identity, hashedAt }
    this.#load().set(sha256, entry)
    if (this.#isLost) return
    try {
      fs.appendFileSync(this.#path, this.#line(sha256, entry))
    } catch {
      // No folder yet, or something else in the file's place.
      this.#isLost = !this.#rewrite(this.#load())
    }
  }

  /** Leaves the entries of these blobs alone in the index. */
  keepOnly(isThere: (sha256: string) => boolean): void {
    const kept = new Map([...this.#load()].filter(([sha256]) => isThere(sha256)))
    if (kept.size < this.#load().size) this.#rewrite(kept)
    this.#entries = kept
  }
}

const flushed = promisify(fs.fsync)

/** `data` is the part of the file's identity that only writing to it changes. */
export type BlobState = { readonly is: 'whole'; readonly data: string } | { readonly is: 'gone' | 'damaged' }

/** A file that has been taken in. */
export interface Taken {
  readonly file: StoredFile
  readonly data: string
  readonly hashedAt: number
  /** A copy that was not needed, because the store had these bytes; there until the artifact is published. */
  readonly spare?: string
}

/** Bytes of a stored file, flushed before it gets its name: a power cut must not leave an empty blob behind a hit. */
function* flush(file: string): InParts<void> {
  const descriptor = fs.openSync(file, 'r+')
  try {
    yield flushed(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

export class Blobs {
  readonly #root: string
  readonly verified: VerifiedBlobs

  constructor(root: string) {
    this.#root = root
    this.verified = new VerifiedBlobs(path.join(root, 'index', 'verified.txt'))
  }

  path({ sha256 }: StoredFile): string {
    return path.join(this.#root, 'blobs', sha256.slice(0, 2), sha256)
  }

  /** Whether a file of this size is there, whatever it holds. */
  isThere(file: StoredFile): boolean {
    try {
      const stat = fs.statSync(this.path(file), { throwIfNoEntry: false })
      return stat !== undefined && stat.size === file.bytes && stat.isFile()
    } catch {
      return false
    }
  }

  /** Whether the blob is there and has not changed since it was last hashed. */
  isKnownWhole(file: StoredFile): boolean {
    const identity = identityIfAny(this.path(file))
    return identity !== undefined && fileSizeOf(identity) === file.bytes && this.verified.has(file.sha256, identity)
  }

  /** Whether it was never hashed as its file is now: that is another one, or was touched since. Reads nothing. */
  isUnverified(file: StoredFile): boolean {
    const identity = identityIfAny(this.path(file))
    return identity === undefined || this.verified.hashedAt(file.sha256, identity) === undefined
  }

  /** Whether the blob is what it was; reads it where that is not known, or with `readAll` in any case. */
  *check(file: StoredFile, readAll = false): InParts<BlobState> {
    const blob = this.path(file)
    const identity = identityIfAny(blob)
    if (identity === undefined) return { is: fs.existsSync(blob) ? 'damaged' : 'gone' }
    if (fileSizeOf(identity) !== file.bytes) return { is: 'damaged' }
    const whole: BlobState = { is: 'whole', data: dataIdentityOf(identity) }
    if (!readAll && this.verified.has(file.sha256, identity)) return whole
    const hashedAt = Date.now()
    try {
      if ((yield* hashInParts(blob)) !== file.sha256) return { is: 'damaged' }
    } catch (cause) {
      return { is: errorCode(cause) === 'ENOENT' ? 'gone' : 'damaged' }
    }
    // Replaced while it was read: what was read was good, and of what is there now nothing is known.
    if (identityIfAny(blob) === identity) this.verified.note(file.sha256, identity, hashedAt)
    return whole
  }

  quarantine(file: StoredFile): void {
    quarantine(this.#root, this.path(file))
  }

  /**
   * Takes a file's bytes in. A blob that is there and whole stays: whoever reads it just now must not find another file
   * in its place. A damaged one is replaced. Throws where the file is written to while it is taken.
   */
  *take(given: string): InParts<Taken> {
    const hashedAt = Date.now()
    const seen = dataIdentityOf(identityOf(given) ?? '')
    const file = { sha256: yield* hashInParts(given), bytes: Number(seen.split(':')[2]) }
    const state = yield* this.check(file)
    if (state.is === 'whole') return { file, data: state.data, hashedAt, spare: given }
    if (state.is === 'damaged') this.quarantine(file)
    const source = yield* this.#ownCopy(given)
    const data = dataIdentityOf(identityIfAny(source) ?? '')
    const isSeen = dataIdentityOf(identityIfAny(given) ?? '') === seen
    yield* flush(source)
    // Somebody else has stored the same meanwhile.
    if (this.isThere(file)) return yield* this.take(given)
    this.#place(source, file)
    if (!isSeen || dataIdentityOf(identityIfAny(this.path(file)) ?? '') !== data) {
      this.quarantine(file)
      throw new Error(`${path.basename(given)} was written to after its stage had ended`)
    }
    return { file, data, hashedAt }
  }

  /** A file that has another name elsewhere is somebody's: what belongs to the store is a copy of it. */
  *#ownCopy(file: string): InParts<string> {
    if (fs.lstatSync(file).nlink === 1) return file
    const copy = `${file}.${randomBytes(4).toString('hex')}`
    yield* copyInParts(file, copy)
    return copy
  }

  /** `source` has been flushed. */
  #place(source: string, file: StoredFile): void {
    ensureFolder(this.#root, 'blobs', file.sha256.slice(0, 2))
    fs.chmodSync(source, 0o444)
    fs.renameSync(source, this.path(file))
  }

  /**
   * After the manifest is there: a blob that was found, and then collected as garbage because no manifest named it yet,
   * is put back. From now on the collector finds the manifest.
   */
  *settle({ file, spare }: Taken): InParts<void> {
    if (spare === undefined || this.isThere(file)) return
    const source = yield* this.#ownCopy(spare)
    yield* flush(source)
    if (!this.isThere(file)) this.#place(source, file)
  }

  /** What has been taken needs no reading again, under the identity that it has after all links are made. */
  remember({ file, data, hashedAt }: Taken): void {
    const identity = identityIfAny(this.path(file))
    if (identity === undefined || dataIdentityOf(identity) !== data || this.verified.has(file.sha256, identity)) return
    this.verified.note(file.sha256, identity, hashedAt)
  }

  /** Runs `change`, which makes or removes another name of the blob: that moves its ctime, and nothing else. */
  renaming<A>(file: StoredFile, change: () => A): A {
    const blob = this.path(file)
    const before = identityIfAny(blob)
    const hashedAt = before === undefined ? undefined : this.verified.hashedAt(file.sha256, before)
    const result = change()
    if (before === undefined || hashedAt === undefined) return result
    const after = identityIfAny(blob)
    if (after === undefined || after === before || dataIdentityOf(after) !== dataIdentityOf(before)) return result
    this.verified.note(file.sha256, after, hashedAt)
    return result
  }
}
