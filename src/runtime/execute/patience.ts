/** How long a worker that was asked to stop may take: what it has to finish and to save decides. */

/** A small model saves in a few milliseconds: what takes longer than this does not let itself be interrupted. */
const graceMs = 700

/**
 * A step that is being computed cannot be cut short on every engine; of one that takes longer than this, nothing is
 * saved.
 */
const longestStepMs = 60_000

/** As a slow disk writes. */
const bytesPerMs = 5_000

/** So few bytes are saved at once. */
const smallBytes = 16 * 2 ** 20

/** Reading the state back from a device and laying it out. */
const largeStateMs = 5_000

/** No checkpoint is waited for longer than this, however it progresses. */
export const longestSaveMs = 600_000

/** The worker will save `bytes`, undefined where it has not said so; its steps have taken up to `stepMs`. */
export const patience = (bytes: number | undefined, stepMs: number): number => {
  if (bytes === undefined) return graceMs
  const saving = bytes <= smallBytes ? 0 : largeStateMs + bytes / bytesPerMs
  return Math.min(longestSaveMs, Math.max(graceMs, 2 * Math.min(stepMs, longestStepMs)) + saving)
}

/** How far a stage has come and how long its steps take. */
export class StepClock {
  #phase = ''
  #at = 0
  #step: number | undefined
  #longestMs = 0

  /** The last step reported; undefined before the first. */
  get step(): number | undefined {
    return this.#step
  }

  /** The longest time between two reports of one phase. */
  get longestMs(): number {
    return this.#longestMs
  }

  reached(phase: string, step: number, now: number): void {
    if (phase === this.#phase) this.#longestMs = Math.max(this.#longestMs, now - this.#at)
    this.#phase = phase
    this.#step = step
    this.#at = now
  }
}
