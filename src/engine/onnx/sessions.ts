/** Compiled graphs of one engine: the same graph is compiled once, and only so many are in memory at a time. */
import { createHash } from 'node:crypto'
import { EngineError } from '../engine.js'

/** What a compiled graph must offer to be kept here. */
interface Releasable {
  release(): Promise<void>
}

/** A graph to compile, and the names of its outputs that stay on the device. */
interface SessionSource {
  readonly label: string
  /** Kept: the session is made from them again when it is used after it had to go. */
  readonly bytes: Uint8Array
  readonly resident: readonly string[]
}

interface Entry<Session> {
  readonly key: string
  readonly source: SessionSource
  /** Functions that share this session. */
  users: number
  /** Calls that compute. */
  calls: number
  /** Values on the device that live in the session's memory. */
  holds: number
  session: Promise<Session> | undefined
  /** Called when the last call has ended. */
  readonly waiting: (() => void)[]
}

/** One function's share in a session. */
export interface SharedSession<Session> {
  /** Runs the body with the session, which is made first where it is not in memory. */
  readonly use: <T>(body: (session: Session) => Promise<T>) => Promise<T>
  /** Keeps the session in memory, even beyond its release, until the function returned is called. */
  readonly hold: () => () => void
  /** Gives the share back; with the last share the session goes, once its calls have ended and nothing holds it. */
  readonly release: () => Promise<void>
}

const free = async <Session extends Releasable>(entry: Entry<Session>): Promise<void> => {
  const { session } = entry
  entry.session = undefined
  await (await session)?.release()
}

/**
 * Sessions by the sha256 of their graph. At most `limit` stay in memory, save those in use: the one not used for
 * longest goes, and comes back when it is used again.
 */
export class Sessions<Session extends Releasable> {
  readonly #limit: number
  readonly #create: (source: SessionSource) => Promise<Session>
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry<Session>>()

  constructor(limit: number, create: (source: SessionSource) => Promise<Session>) {
    this.#limit = limit
    this.#create = create
  }

  /** How many are in memory. */
  get live(): number {
    return [...this.#entries.values()].filter(({ session }) => session !== undefined).length
  }

  /** Compiles the graph, or finds the session that another function has of it. */
  async open(source: SessionSource): Promise<SharedSession<Session>> {
    const entry = this.#entry(source)
    entry.users++
    let released = false
    const release = async (): Promise<void> => {
      if (released) return
      released = true
      entry.users--
      if (entry.users > 0) return
      this.#entries.delete(entry.key)
      if (entry.calls > 0) await new Promise<void>((resolve) => entry.waiting.push(resolve))
      if (entry.holds === 0) await free(entry)
    }
    try {
      await this.#use(entry, async () => {})
    } catch (error) {
      await release()
      throw error
    }
    return {
      use: async (body) => {
        if (released) throw new EngineError(`${source.label} was run after it had been released`)
        return await this.#use(entry, body)
      },
      hold: () => {
        let held = true
        entry.holds++
        return () => {
          if (!held) return
          held = false
          entry.holds--
          if (entry.users === 0 && entry.calls === 0 && entry.holds === 0) void free(entry)
        }
      },
      release,
    }
  }

  #entry(source: SessionSource): Entry<Session> {
    const digest = createHash('sha256').update(source.bytes).digest('hex')
    const key = JSON.stringify([digest, source.resident])
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    const entry: Entry<Session> = { key, source, users: 0, calls: 0, holds: 0, session: undefined, waiting: [] }
    this.#entries.set(key, entry)
    return entry
  }

  async #use<T>(entry: Entry<Session>, body: (session: Session) => Promise<T>): Promise<T> {
    entry.calls++
    try {
      if (this.#entries.delete(entry.key)) this.#entries.set(entry.key, entry)
      if (entry.session === undefined) await this.#makeRoom()
      return await body(await (entry.session ??= this.#made(entry)))
    } finally {
      entry.calls--
      if (entry.calls === 0) for (const wake of entry.waiting.splice(0)) wake()
    }
  }

  async #made(entry: Entry<Session>): Promise<Session> {
    try {
      return await this.#create(entry.source)
    } catch (error) {
      // Tried again when it is used again.
      entry.session = undefined
      throw error
    }
  }

  async #makeRoom(): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (this.live < this.#limit) return
      if (entry.calls === 0 && entry.holds === 0) await free(entry)
    }
  }
}
