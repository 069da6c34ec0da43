/** Accuracy and loss of models on a whole split, from their logits, summed on the host in double precision. */
import * as Effect from 'effect/Effect'
import { numTokens, type VitConfig } from '../../dsl/vit-config.js'
import type { Engine } from '../../engine/engine.js'
import { attemptAsync, type StageError } from '../../runtime/errors.js'
import type { Progress } from '../../runtime/stage-contract.js'
import type { Split } from '../data/dataset.js'
import { layoutOf, pack, slices, type NamedValues, NotFiniteError } from '../tensors/named-tensors.js'
import { compileForward, type Forward, overSplit } from './forward.js'
import { vitLogits, vitTensors } from './vit.js'

/** How well a model does on a split. */
export interface Scores {
  /** Share of images whose class has the highest logit. */
  readonly top1: number
  /** Share whose class is among the five highest; null below six classes, where that would be all. */
  readonly top5: number | null
  /** Mean cross-entropy, in nats. */
  readonly loss: number
}

/**
 * Cross-entropy of one row of logits, and its label's rank: 0 is the highest; of equal logits the first class counts as
 * higher.
 */
const judgeRow = (logits: Float32Array, start: number, classes: number, label: number) => {
  const target = logits[start + label]
  let highest = -Infinity
  let rank = 0
  for (let c = 0; c < classes; c++) {
    const logit = logits[start + c]
    if (c !== label && (logit > target || (logit === target && c < label))) rank++
    if (logit > highest) highest = logit
  }
  let sum = 0
  for (let c = 0; c < classes; c++) sum += Math.exp(logits[start + c] - highest)
  return { rank, loss: Math.log(sum) + highest - target }
}

/** Of fewer classes all are among the five highest. */
const leastClassesForTop5 = 6

/** Sums what `Scores` needs, batch by batch. */
export class ScoreSum {
  #count = 0
  #first = 0
  #amongFive = 0
  #loss = 0
  #classes = 0

  /**
   * Adds the first `rows` rows of logits `[at least rows, classes]` with their labels. Throws where one is no finite
   * number: a model that has diverged has no accuracy.
   */
  add(logits: Float32Array, labels: Int32Array, rows: number, classes: number): void {
    for (let row = 0; row < rows; row++) {
      const { rank, loss } = judgeRow(logits, row * classes, classes, labels[row])
      if (!Number.isFinite(loss)) {
        const wrong = logits.subarray(row * classes, (row + 1) * classes).find((logit) => !Number.isFinite(logit))
        throw new NotFiniteError(`the model gives ${wrong} as a logit of image ${this.#count + row}: it has diverged`)
      }
      if (rank < 1) this.#first++
      if (rank < 5) this.#amongFive++
      this.#loss += loss
    }
    this.#count += rows
    this.#classes = classes
  }

  scores(): Scores {
    return {
      top1: this.#first / this.#count,
      top5: this.#classes < leastClassesForTop5 ? null : this.#amongFive / this.#count,
      loss: this.#loss / this.#count,
    }
  }
}

/** Tokens a call when a single model is measured: 250 digits of 17 tokens, 21 images of 197. */
const TOKENS = 4_250

/**
 * Scores of every output of a forward pass, `[batch, classes]` logits each, over the whole split, by the output's name.
 */
export const measureOutputs = Effect.fnUntraced(function* (
  forward: Forward,
  classes: number,
  split: Split,
  progress: (progress: Progress) => void,
): Effect.fn.Return<Readonly<Record<string, Scores>>, StageError> {
  const sums = new Map(Object.keys(forward.outputs).map((name) => [name, new ScoreSum()]))
  const steps = Math.ceil(split.count / forward.batch)
  yield* overSplit(forward, split, split.count, (outputs, from, rows) => {
    const labels = split.labels.subarray(from, from + rows)
    for (const [name, sum] of sums) {
      try {
        sum.add(outputs[name] as Float32Array, labels, rows, classes)
      } catch (cause) {
        if (sums.size === 1 || !(cause instanceof NotFiniteError)) throw cause
        throw new NotFiniteError(`${name}: ${cause.message}`)
      }
    }
    progress({ phase: 'evaluate', step: from / forward.batch + 1, steps, images: from + rows })
  })
  return Object.fromEntries([...sums].map(([name, sum]) => [name, sum.scores()]))
})

/** Scores of one model on a split. */
export const measureModel = Effect.fnUntraced(function* (
  engine: Engine,
  config: VitConfig,
  values: NamedValues,
  split: Split,
  progress: (progress: Progress) => void,
): Effect.fn.Return<Scores, StageError> {
  const layout = layoutOf(vitTensors(config))
  const forward = yield* attemptAsync(() =>
    compileForward(engine, {
      label: 'evaluate',
      config,
      batch: Math.min(Math.max(1, Math.floor(TOKENS / numTokens(config))), split.count),
      fixed: { theta: pack(layout, values) },
      fn: (pixels, { theta }) => ({ logits: vitLogits(slices(layout, theta), config, pixels) }),
    }),
  )
  const { logits } = yield* measureOutputs(forward, config.numClasses, split, progress)
  yield* attemptAsync(() => forward.release())
  return logits
})
