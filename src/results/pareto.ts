/** Which models are worth their cost. */
import type { LatencyFigure } from './model-row.js'

export type Metric = 'top1' | 'top5' | 'loss'
export type Cost = 'params' | 'macs' | 'latency'

/** What is compared: costs and scores of one model. */
export interface ComparableModel {
  readonly params: number
  readonly macs: number
  readonly latency: readonly LatencyFigure[]
  readonly top1: number
  /** Null where the data have fewer than six classes. */
  readonly top5: number | null
  /** Null where it was not a number. */
  readonly loss: number | null
}

/** Larger is better: the loss counts negatively, and what is no number is worse than all others. */
export const scoreOf = (model: ComparableModel, metric: Metric): number =>
  metric === 'loss' ? -(model.loss ?? Infinity) : (model[metric] ?? -Infinity)

/** Whether the model can be compared by this metric at all. */
export const hasScore = (model: ComparableModel, metric: Metric): boolean => scoreOf(model, metric) > -Infinity

/** Median time of one pass over `batch` images, in milliseconds; undefined where it was not measured. */
export const latencyOf = (model: ComparableModel, batch: number): number | undefined =>
  model.latency.find((time) => time.batch === batch)?.medianMs

export const costOf = (model: ComparableModel, cost: Cost, batch = 1): number | undefined =>
  cost === 'latency' ? latencyOf(model, batch) : model[cost]

/**
 * The models that no other beats: none costs at most as much, scores at least as well, and is better in one of the two.
 * Of models equal in both all stay. Cheapest first; models without the cost or the score are left out.
 */
export const paretoFront = <M extends ComparableModel>(
  models: readonly M[],
  cost: Cost,
  metric: Metric,
  batch = 1,
): readonly M[] => {
  const points = models
    .flatMap((model) => {
      const price = costOf(model, cost, batch)
      return price === undefined || !hasScore(model, metric) ? [] : [{ model, price, score: scoreOf(model, metric) }]
    })
    .sort((a, b) => a.price - b.price || b.score - a.score)
  const front: typeof points = []
  for (const point of points) {
    const last = front.at(-1)
    const isEqual = last?.price === point.price && last.score === point.score
    if (last === undefined || point.score > last.score || isEqual) front.push(point)
  }
  return front.map(({ model }) => model)
}

/**
 * For each model whether another one has no more parameters, no more multiply-accumulates and no worse score, and is
 * better in one of the three. Models equal in all three do not dominate each other.
 */
export const markDominated = (models: readonly ComparableModel[], metric: Metric = 'top1'): readonly boolean[] =>
  models.map((model) => {
    const score = scoreOf(model, metric)
    return models.some((other) => {
      const theirs = scoreOf(other, metric)
      return (
        other.params <= model.params &&
        other.macs <= model.macs &&
        theirs >= score &&
        (other.params < model.params || other.macs < model.macs || theirs > score)
      )
    })
  })
