/** How long the steps of a phase take, by when they are reported. */

/** So many stretches between two reports are kept; of more, each two neighbours are made one. */
const mostKept = 64

/** Where a step takes so many times as long as the fast ones, it was held up by what no later step has to wait for. */
const slow = 3

interface Stretch {
  readonly steps: number
  readonly ms: number
}

const rateOf = ({ steps, ms }: Stretch): number => ms / steps

/** The rate that a quarter of the steps do not exceed; `sorted` by rate. */
const fastRate = (sorted: readonly Stretch[]): number => {
  const steps = sorted.reduce((sum, stretch) => sum + stretch.steps, 0)
  let seen = 0
  return rateOf(sorted.find((stretch) => (seen += stretch.steps) >= steps / 4)!)
}

export class StepRate {
  #last: { readonly step: number; readonly at: number } | undefined
  #stretches: Stretch[] = []

  /** Time counts from the first report on: the phase is made ready in its first step. `madeReady` says so of others. */
  reached(step: number, now: number, madeReady = false): void {
    const last = this.#last
    if (last !== undefined && !(step > last.step)) return
    this.#last = { step, at: now }
    if (last === undefined || madeReady) return
    this.#stretches.push({ steps: step - last.step, ms: now - last.at })
    if (this.#stretches.length <= mostKept) return
    const all = this.#stretches
    this.#stretches = all.flatMap((stretch, index) => {
      if (index % 2 === 1) return []
      const next = all[index + 1]
      return next === undefined ? stretch : { steps: stretch.steps + next.steps, ms: stretch.ms + next.ms }
    })
  }

  /** Milliseconds of a step, slow ones left out; undefined before there is one that counts. */
  get stepMs(): number | undefined {
    if (this.#stretches.length === 0) return undefined
    const sorted = [...this.#stretches].sort((a, b) => rateOf(a) - rateOf(b))
    const most = slow * fastRate(sorted)
    const usual = sorted.filter((stretch) => rateOf(stretch) <= most)
    const total = (of: keyof Stretch): number => usual.reduce((sum, stretch) => sum + stretch[of], 0)
    return total('ms') / total('steps')
  }
}
