/** Figures of merit from logits on the host, summed in double precision. */

export interface Scores {
  /** Share of images whose class has the highest logit. */
  readonly top1: number
  /** Share whose class is among the five highest, or among all where there are fewer than five. */
  readonly top5: number
  /** Mean cross-entropy. */
  readonly loss: number
}

/** Cross-entropy and rank of the label (0 = highest; of equal logits the first class counts as higher) of one row. */
const judgeRow = (logits: Float32Array, start: number, classes: number, label: number) => {
  const target = logits[start + label]
  let highest = -Infinity
  let rank = 0
  for (let c = 0; c < classes; c++) {
    const logit = logits[start + c]
    // Written so that a logit which is not a number never leaves its class ahead.
    if (c !== label && !(logit < target || (logit === target && c > label))) rank++
    if (!(logit <= highest)) highest = logit
  }
  let sum = 0
  for (let c = 0; c < classes; c++) sum += Math.exp(logits[start + c] - highest)
  return { rank, loss: Math.log(sum) + highest - target }
}

export class ScoreSum {
  #count = 0
  #first = 0
  #amongFive = 0
  #loss = 0

  /** Adds the first `rows` rows of logits `[≥ rows, classes]`. */
  add(logits: Float32Array, labels: Int32Array, rows: number, classes: number): void {
    for (let row = 0; row < rows; row++) {
      const { rank, loss } = judgeRow(logits, row * classes, classes, labels[row])
      if (rank < 1) this.#first++
      if (rank < Math.min(5, classes)) this.#amongFive++
      this.#loss += loss
    }
    this.#count += rows
  }

  scores(): Scores {
    return { top1: this.#first / this.#count, top5: this.#amongFive / this.#count, loss: this.#loss / this.#count }
  }
}
