/**
 * How garbage is taken from under runs that go on: never deleted where it lies, but renamed away, looked at again, and put
 * back if it is needed after all. Renaming is one step, so a reader finds an entry whole or not at all.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { fileAt } from './stored-entries.js'

interface Trashed {
  readonly from: string
  readonly at: string
}

export class Trash {
  readonly #folder: string
  readonly #trashed = new Map<string, Trashed>()

  constructor(folder: string) {
    this.#folder = folder
    fs.mkdirSync(folder, { recursive: true })
  }

  /** Takes it, if it still is the file that was looked at; whether it did. */
  take(place: string, file: string | undefined): boolean {
    if (file === undefined) return false
    const at = path.join(this.#folder, String(this.#trashed.size))
    try {
      fs.renameSync(place, at)
    } catch {
      // Somebody else was faster, or it cannot be moved: it stays.
      return false
    }
    this.#trashed.set(place, { from: place, at })
    if (fileAt(at) === file) return true
    this.putBack(place)
    return false
  }

  /** Where something new has come to its place meanwhile, that is as good. */
  putBack(place: string): void {
    const trashed = this.#trashed.get(place)
    if (trashed === undefined) return
    try {
      fs.linkSync(trashed.at, trashed.from)
    } catch {
      if (!fs.existsSync(trashed.from)) fs.renameSync(trashed.at, trashed.from)
    }
  }

  empty(): void {
    fs.rmSync(this.#folder, { recursive: true, force: true })
  }
}
