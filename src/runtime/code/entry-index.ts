/**
 * The digest of each stage's code with the identities of all files that it depends on, for all stages in one small
 * file: all that a run reads of code when nothing changed. Behind its own hash: what a flipped bit took out of it would
 * be missed for ever.
 */
import { existsSync } from 'node:fs'
import * as path from 'node:path'
import { readTextIfThere, writeFileAtomic } from '../../base/files.js'
import { checkedText, readChecked } from '../checked-text.js'
import { isSettled } from '../file-identity.js'
import type { CodeState } from './code-reader.js'
import { FileStates, type Identities } from './files-seen.js'

type Opaque = CodeState['opaque']

interface Entry {
  readonly digest: string
  readonly opaque: Opaque
  readonly captures?: boolean
  /** When it was read, in milliseconds since 1970. */
  readonly readAt: number
  readonly namesElsewhere?: readonly string[]
  /** Numbers in the table of files. */
  readonly files: readonly number[]
  readonly program?: readonly number[]
}

interface Stored {
  readonly version: string
  /** File and identity, each pair once; null for a file that was not there. */
  readonly files: readonly (readonly [file: string, identity: string | null])[]
  readonly entries: Readonly<Record<string, Entry>>
}

type Found = CodeState & Pick<Entry, 'readAt' | 'namesElsewhere'> & { readonly identities: Identities }

/** Raised when the same files would give other digests. */
const version = '7'

export class EntryIndex {
  readonly #path: string
  readonly #entries = new Map<string, Found>()
  /** Entries that this process has asked for and found good. */
  readonly #good = new Set<string>()
  #changed = false

  constructor(file: string) {
    this.#path = file
    try {
      const stored = JSON.parse(readChecked(readTextIfThere(file) ?? '') ?? '{}') as Partial<Stored>
      if (stored.version !== version || stored.files === undefined) return
      for (const [key, entry] of Object.entries(stored.entries ?? {})) {
        const identities = new Map(entry.files.map((number) => stored.files![number]!))
        const { files: _, program: numbers, ...rest } = entry
        const program = numbers?.map((number) => stored.files![number]![0])
        this.#entries.set(key, { ...rest, identities, ...(program && { program }) })
      }
    } catch {
      // Damaged: everything is read again.
      this.#entries.clear()
    }
  }

  /** What is known of an entry, if every file is what it was then. */
  find(key: string, states: FileStates): Found | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || this.#good.has(key)) return entry
    for (const [file, identity] of entry.identities) {
      if (states.of(file) !== identity) return undefined
      if (identity !== null && !isSettled(identity, entry.readAt)) return undefined
    }
    this.#good.add(key)
    return entry
  }

  set(key: string, found: Found): void {
    this.#entries.set(key, found)
    this.#good.add(key)
    this.#changed = true
  }

  /** Writes what is known, without what holds no more: an edit moves the places of stages, and with them their keys. */
  save(): void {
    if (!this.#changed || !existsSync(path.dirname(path.dirname(this.#path)))) return
    const files: [string, string | null][] = []
    const numbers = new Map<string, number>()
    const numberOf = (file: string, identity: string | null): number => {
      const pair = `${file}\0${identity}`
      const known = numbers.get(pair)
      if (known !== undefined) return known
      numbers.set(pair, files.length)
      return files.push([file, identity]) - 1
    }
    const states = new FileStates()
    const kept = [...this.#entries].filter(([key]) => this.find(key, states) !== undefined)
    const entries = Object.fromEntries(
      kept.map(([key, { identities, program, ...entry }]) => [
        key,
        {
          ...entry,
          files: [...identities].map(([file, identity]) => numberOf(file, identity)),
          ...(program && { program: program.map((file) => numberOf(file, identities.get(file) ?? null)) }),
        },
      ]),
    )
    try {
      writeFileAtomic(this.#path, checkedText(JSON.stringify({ version, files, entries } satisfies Stored)))
    } catch {
      // A store that cannot be written can still be read; the work is done again next time.
    }
    this.#changed = false
  }
}
