/** The files that a reading depends on, each with its identity at that time; null for one that was not there. */
import { identityOf } from '../file-identity.js'

export type Identities = ReadonlyMap<string, string | null>

/** Identities of files, each asked for once a run. */
export class FileStates {
  readonly #states = new Map<string, string | null>()

  of(file: string): string | null {
    const known = this.#states.get(file)
    if (known !== undefined) return known
    const state = identityOf(file) ?? null
    this.#states.set(file, state)
    return state
  }
}

export class FilesSeen {
  readonly identities = new Map<string, string | null>()
  readonly #states: FileStates

  constructor(states: FileStates) {
    this.#states = states
  }

  /** Notes that what is read depends on the file, or on its not being there. */
  note(file: string): string | null {
    const state = this.#states.of(file)
    this.identities.set(file, state)
    return state
  }
}
