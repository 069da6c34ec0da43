/** What trials have found out, kept in the user's cache folder: a run that has nothing to do must not load an engine. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, makeCacheFolder, removeOldest } from '../cache-folder.js'
import type { Trial } from './trial.js'

interface Entry {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly trial: Trial
}

/** A failure may have had a reason that nothing here sees; it is tried again after a day. */
const failureHoldsMs = 86_400_000
const keptFiles = 64

const folder = (): string => join(cacheFolder(), 'engines')

const isEntry = (value: unknown): value is Entry =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Entry).at === 'number' &&
  typeof (value as { trial?: { loads?: unknown } }).trial?.loads === 'boolean'

const readEntries = (file: string): Readonly<Record<string, Entry>> => {
  try {
    const parsed = JSON.parse(readFileSync(file, 'utf8')) as object
    return Object.fromEntries(Object.entries(parsed).filter((entry): entry is [string, Entry] => isEntry(entry[1])))
  } catch {
    // None yet, or damaged: it is found out again.
    return {}
  }
}

export class RememberedTrials {
  readonly #file: string

  /** `surroundings` is what `surroundingsKey` gives. */
  constructor(surroundings: string) {
    this.#file = join(folder(), `${surroundings}.json`)
  }

  get(name: string): Trial | undefined {
    const entry = readEntries(this.#file)[name]
    if (entry === undefined) return undefined
    return entry.trial.loads || Math.abs(Date.now() - entry.at) < failureHoldsMs ? entry.trial : undefined
  }

  /** A folder that cannot be written costs the next trial, nothing else. */
  set(name: string, trial: Trial): void {
    try {
      makeCacheFolder(folder())
      const temporary = `${this.#file}.${process.pid}.tmp`
      writeFileSync(temporary, JSON.stringify({ ...readEntries(this.#file), [name]: { at: Date.now(), trial } }))
      renameSync(temporary, this.#file)
      removeOldest(folder(), keptFiles)
    } catch {
      // See above.
    }
  }
}
