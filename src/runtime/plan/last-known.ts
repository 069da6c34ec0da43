/**
 * Which fingerprint each stage of a pipeline or suite had when it last stood finished: what "changed since" is measured
 * against. Losing it costs explanations, never results.
 */
import { readTextOrEmpty, writeFileAtomic } from '../../base/files.js'
import { hashOf } from '../canonical.js'
import { checkedText, readChecked } from '../checked-text.js'
import { mapShape, quickReaderOf, sha256Shape } from '../shape.js'
import type { StageGraph } from '../definition/stage-graph.js'
import type { Store } from '../store/store.js'

/** What many stages have in a short time is written once. */
const saveAfterMs = 200

const read = quickReaderOf(mapShape(sha256Shape))

/** What is recorded, by name; undefined where it cannot be read. */
const recordedIn = (text: string): Map<string, string> | undefined => {
  try {
    // Older versions wrote it without its hash.
    return new Map(Object.entries(read(readChecked(text) ?? text)))
  } catch {
    return undefined
  }
}

export class LastKnown {
  /** The file of it. */
  readonly path: string
  readonly #fingerprints: Map<string, string>
  readonly #names: ReadonlyMap<string, string>
  /** Nothing is recorded, or it cannot be read. */
  readonly isLost: boolean
  /** Something is recorded, and it cannot be read. */
  readonly isDamaged: boolean
  #changed = false
  #saving: NodeJS.Timeout | undefined

  constructor(store: Store['Service'], { as, names }: StageGraph['remembered']) {
    // A definition's name is free text; its hash is a file name everywhere.
    this.path = store.place('last', `${hashOf(as).slice(0, 16)}.json`)
    this.#names = names
    const text = readTextOrEmpty(this.path)
    const recorded = recordedIn(text)
    this.#fingerprints = recorded ?? new Map()
    this.isLost = recorded === undefined
    this.isDamaged = this.isLost && text !== ''
  }

  /** Is there from the start: without it nobody knows what a definition that does not load any more has made. */
  begin(): void {
    if (!this.isLost || this.isDamaged) return
    try {
      writeFileAtomic(this.path, checkedText('{}'))
    } catch {
      // As in `save`.
    }
  }

  fingerprint(stage: string): string | undefined {
    return this.#fingerprints.get(this.#nameOf(stage))
  }

  all(): readonly string[] {
    return [...this.#fingerprints.values()]
  }

  set(stage: string, fingerprint: string): void {
    const name = this.#nameOf(stage)
    if (this.#fingerprints.get(name) === fingerprint) return
    this.#fingerprints.set(name, fingerprint)
    this.#changed = true
    // Not at the run's end alone: others plan while it goes on, and it may be killed.
    this.#saving ??= setTimeout(() => this.save(), saveAfterMs).unref()
  }

  #nameOf(stage: string): string {
    return this.#names.get(stage) ?? stage
  }

  save(): void {
    clearTimeout(this.#saving)
    this.#saving = undefined
    if (!this.#changed) return
    try {
      writeFileAtomic(this.path, checkedText(JSON.stringify(Object.fromEntries(this.#fingerprints))))
    } catch {
      // The run has its results; only the next one's explanations are poorer.
    }
    this.#changed = false
  }
}
