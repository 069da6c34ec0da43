/**
 * Which blobs have been hashed and have not changed since, so that no byte is read twice: for each the identity of its file
 * (device, inode, size, times) at that moment. Whatever writes to a file moves its ctime, which no program can set, so that
 * damage which keeps size and mtime is seen; what changes below the file system is not, and `store verify` reads all.
 *
 * The index is one text file, read once and only appended to, a line an entry: two runs append side by side, a line that a
 * kill cut short is no entry, and of several lines about one blob the last one counts.
 */
import * as fs from 'node:fs'
import { writeFileAtomic } from './atomic-file.js'
import { clockTickMs, mtimeOf } from './file-identity.js'

interface Verified {
  readonly identity: string
  /** When hashing began, in milliseconds since 1970. */
  readonly hashedAt: number
}

const linePattern = /^([0-9a-f]{64}) (\d+:\d+:\d+:\d+:\d+) (\d+)$/

/** Lines beyond this many and twice what they say are written anew. */
const spareLines = 1_000

export class VerifiedBlobs {
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
   * Whether the file of this identity holds these bytes. One that was still being written within the clock's tick before it
   * was hashed may have been written to after that without a trace.
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
