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
