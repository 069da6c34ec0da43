/** What the watched files held when they were last looked at: an event only says that it is worth looking again. */
import * as fs from 'node:fs'
import { createHash } from 'node:crypto'
import { changedAtMs, clockTickMs, identityOf } from '../file-identity.js'
import type { ReachedFile } from './reach.js'

export interface FileChange {
  readonly path: string
  readonly change: 'edited' | 'created' | 'deleted'
}

interface Seen {
  /** Undefined where there is no file, as the content is. */
  readonly identity: string | undefined
  readonly sha256: string | undefined
}

/** Without blocking: external files may be large. Undefined where there is no file any more. */
const hashOfFile = async (file: string): Promise<string | undefined> => {
  const hash = createHash('sha256')
  try {
    for await (const chunk of fs.createReadStream(file)) hash.update(chunk as Buffer)
  } catch {
    return undefined
  }
  return hash.digest('hex')
}

const read = async (file: string): Promise<Seen> => {
  const identity = identityOf(file)
  return { identity, sha256: identity === undefined ? undefined : await hashOfFile(file) }
}

export class SeenFiles {
  readonly #seen = new Map<string, Seen>()

  get paths(): readonly string[] {
    return [...this.#seen.keys()]
  }

  /**
   * Makes these the watched files, `known` by somebody who began to read them at `since`. Gives those that changed after
   * that: their reader may have seen either state.
   */
  async adopt(known: readonly ReachedFile[], since: number): Promise<readonly FileChange[]> {
    const wanted = new Map(known.map((file) => [file.path, file]))
    for (const path of this.paths) if (!wanted.has(path)) this.#seen.delete(path)
    return this.add([...wanted.values()], since)
  }

  /** The same beside those that are watched already. */
  async add(known: readonly ReachedFile[], since: number): Promise<readonly FileChange[]> {
    const changes: FileChange[] = []
    for (const { path, sha256 } of known) {
      if (this.#seen.has(path)) continue
      const identity = identityOf(path)
      const hasChanged = identity !== undefined && changedAtMs(identity) > since - clockTickMs
      this.#seen.set(path, sha256 === undefined || hasChanged ? await read(path) : { identity, sha256 })
      if (hasChanged) changes.push({ path, change: 'edited' })
    }
    return changes
  }

  /** What holds other bytes than when it was last looked at. A file that was only touched, or written again as it was, does not. */
  async look(): Promise<readonly FileChange[]> {
    const changes: FileChange[] = []
    for (const [path, before] of this.#seen) {
      if (identityOf(path) === before.identity) continue
      const now = await read(path)
      this.#seen.set(path, now)
      if (now.sha256 === before.sha256) continue
      const change = before.sha256 === undefined ? 'created' : now.sha256 === undefined ? 'deleted' : 'edited'
      changes.push({ path, change })
    }
    return changes
  }
}
