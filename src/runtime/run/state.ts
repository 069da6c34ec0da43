/** How the stages of a run stand, and by which steps that changes: the one place where it does. */
import type { StageNode } from '../../dsl/nodes.js'
import { sentenceOf } from '../../base/errors.js'
import { StageError, type ThrownError } from '../errors.js'
import type { Emit, RunEvent, StageFailure } from '../events.js'
import type { Made } from '../execute/make-stage.js'
import type { LastKnown } from '../plan/last-known.js'
import type { Manifest } from '../store/store.js'

/** What became of a stage; one that has none yet waits or computes. */
type Standing = Made['how'] | 'failed' | 'skipped'

/** How often a damaged input is made again before the disk itself, or the stage that reads it, is held to be broken. */
const maxRepairs = 3

const stackOf = (error: unknown, thrown: ThrownError | undefined): string | undefined => {
  if (thrown !== undefined || !(error instanceof Error)) return thrown?.stack
  // Of a worker that crashed, what it printed last.
  if (typeof error.cause === 'string') return error.cause
  return error.cause instanceof Error ? error.cause.stack : error.stack
}

const failureOf = (error: unknown): StageFailure & { readonly changed?: string } => {
  const { hint, changed, thrown }: Partial<StageError> = error instanceof StageError ? error : {}
  const { place, causes } = thrown ?? {}
  const stack = stackOf(error, thrown)
  return {
    message: sentenceOf(error),
    ...(place === undefined ? {} : { place }),
    ...(causes === undefined ? {} : { causes }),
    ...(hint === undefined ? {} : { hint }),
    ...(changed === undefined ? {} : { changed }),
    ...(stack === undefined ? {} : { stack }),
  }
}

interface RunStateOptions {
  readonly emit: Emit
  readonly last: LastKnown
  /** Whether the first failure stops the run. */
  readonly failFast: boolean
  /** Whether a stage of this fingerprint would go on from a checkpoint. */
  readonly isResumable: (fingerprint: string) => boolean
  /** The file with what a stage of this fingerprint has printed in this run and not stored. */
  readonly logOf: (fingerprint: string) => string | undefined
}

export class RunState {
  readonly #options: RunStateOptions
  readonly #standings = new Map<StageNode, Standing>()
  readonly #manifests = new Map<StageNode, Manifest>()
  readonly #failures = new Map<StageNode, string>()
  /** Of each stage that failed, or was skipped because of that, the name of the one that failed. */
  readonly #failedBehind = new Map<StageNode, string>()
  /** How often each stage had an input made again, by the input's fingerprint. */
  readonly #repairs = new Map<StageNode, Map<string, number>>()
  /** By name, when a stage that computes has started, and as what. */
  readonly #started = new Map<string, { readonly at: number; readonly fingerprint: string }>()
  #isStopped = false
  #isWithdrawn = false

  constructor(options: RunStateOptions) {
    this.#options = options
  }

  /** Tells an event, and keeps when stages start. */
  readonly tell = (event: RunEvent): void => {
    if (event.type === 'stage-started') {
      this.#started.set(event.stage, { at: Date.now(), fingerprint: event.fingerprint })
    } else if (event.type === 'stage-finished') this.#started.delete(event.stage)
    this.#options.emit(event)
  }

  /** Artifacts of all stages that stand finished. */
  get manifests(): ReadonlyMap<StageNode, Manifest> {
    return this.#manifests
  }

  /** Of the stages that failed, what they said. */
  get failures(): ReadonlyMap<StageNode, string> {
    return this.#failures
  }

  /** Whether nothing new is started, because a stage has failed. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Whether a stage was let go: what reads it has then not been skipped for a failure. */
  get isWithdrawn(): boolean {
    return this.#isWithdrawn
  }

  get counts(): Readonly<Record<Standing, number>> {
    const counts: Record<Standing, number> = { ran: 0, cached: 0, failed: 0, skipped: 0 }
    for (const standing of this.#standings.values()) counts[standing] += 1
    return counts
  }

  /** The artifacts that a stage reads, of those that are there. */
  inputsOf({ inputs }: StageNode): Readonly<Record<string, Manifest>> {
    const found: Record<string, Manifest> = {}
    for (const input in inputs) {
      const manifest = this.#manifests.get(inputs[input]!)
      if (manifest !== undefined) found[input] = manifest
    }
    return found
  }

  /** The stage whose artifact has this fingerprint. */
  makerOf(fingerprint: string): StageNode | undefined {
    for (const [node, manifest] of this.#manifests) if (manifest.fingerprint === fingerprint) return node
    return undefined
  }

  /** Its artifact is there. */
  stands(node: StageNode, { manifest, how }: Made): void {
    this.#manifests.set(node, manifest)
    this.#options.last.set(node.name, manifest.fingerprint)
    this.#repairs.delete(node)
    // A stage that was made again after damage ran, even if it was found cached before or after.
    if (this.#standings.get(node) !== 'ran') this.#standings.set(node, how)
  }

  /** An input of the stage is damaged. Whether it is worth making again: it has not been too often for this stage. */
  repairs(node: StageNode, fingerprint: string): boolean {
    const repairs = this.#repairs.get(node) ?? new Map<string, number>()
    this.#repairs.set(node, repairs)
    const before = repairs.get(fingerprint) ?? 0
    repairs.set(fingerprint, before + 1)
    return before < maxRepairs
  }

  interrupts(node: StageNode): void {
    // One that still waits, for a slot or for another process, has nothing to go on from.
    const started = this.#started.get(node.name)
    if (started === undefined) return
    const resumable = this.#options.isResumable(started.fingerprint)
    this.tell({ type: 'stage-interrupted', stage: node.name, ms: this.#msOf(node), resumable })
  }

  fails(node: StageNode, error: unknown): void {
    this.#standings.set(node, 'failed')
    this.#failures.set(node, sentenceOf(error))
    this.#failedBehind.set(node, node.name)
    this.#isStopped ||= this.#options.failFast
    const started = this.#started.get(node.name)
    const log = started && this.#options.logOf(started.fingerprint)
    const of = { stage: node.name, kind: node.kind, ms: this.#msOf(node) }
    this.tell({ type: 'stage-failed', ...of, ...failureOf(error), ...(log && { log }) })
  }

  /** The run stopped before the stage had begun. */
  skipsStopped(node: StageNode): void {
    this.#skips(node, 'a stage failed and the run stops at the first failure')
  }

  /** The artifact of `from`, which it reads, is not there and will not be. */
  skipsWithout(node: StageNode, from: StageNode): void {
    // Without a failure above it, a newer run has taken the stage's place and tells of it itself.
    if (this.#isWithdrawn) return
    const failed = this.#failedBehind.get(from)
    if (failed === undefined) return this.skipsStopped(node)
    this.#failedBehind.set(node, failed)
    this.#skips(node, `it reads ${from.name}, which is not there`, failed)
  }

  /** Nobody wants the stage of this run any more. */
  withdraws(): void {
    this.#isWithdrawn = true
  }

  #skips(node: StageNode, because: string, failed?: string): void {
    this.#standings.set(node, 'skipped')
    this.tell({ type: 'stage-skipped', stage: node.name, because, ...(failed === undefined ? {} : { failed }) })
  }

  /** Since it started to compute; 0 where it has not. */
  #msOf(node: StageNode): number {
    const started = this.#started.get(node.name)
    return started === undefined ? 0 : Date.now() - started.at
  }
}
