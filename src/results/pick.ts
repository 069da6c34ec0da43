/** The best model under budgets. */
import { leastOf } from './statistics.js'
import type { ModelResult } from './model-results.js'
import { costOf, hasScore, scoreOf, type Cost, type Metric } from './pareto.js'

export interface Budget {
  readonly cost: Cost
  readonly limit: number
}

export interface PickOptions {
  readonly budgets: readonly Budget[]
  readonly metric: Metric
  /** Images of a pass, where latency is a budget. */
  readonly batch: number
}

export interface Picked {
  readonly best: ModelResult
  /** Models that meet every budget, and models in all; those without a score are among neither. */
  readonly eligible: number
  readonly of: number
  /** Costs of which more would buy a better model, the other budgets as they are. */
  readonly binding: readonly Cost[]
  /** Of the better models the one that exceeds the budgets least; undefined where none is better. */
  readonly next: ModelResult | undefined
}

/** No model meets the budgets; `nearest` exceeds them least, `least` is the least there is of each cost. */
export interface UnmetBudgets {
  readonly nearest: ModelResult
  readonly least: Readonly<Partial<Record<Cost, number>>>
}

const isMet = (model: ModelResult, { cost, limit }: Budget, batch: number): boolean => {
  const price = costOf(model, cost, batch)
  return price !== undefined && price <= limit
}

/** By how much the budgets are exceeded: the largest share of cost over limit. Infinite where a cost is not known. */
const excessOf = (model: ModelResult, { budgets, batch }: PickOptions): number =>
  Math.max(0, ...budgets.map(({ cost, limit }) => (costOf(model, cost, batch) ?? Infinity) / limit))

/** The best score; of equal ones fewer parameters, then the lower id, then what comes first. */
const bestOf = (models: readonly ModelResult[], metric: Metric): ModelResult | undefined =>
  models.reduce<ModelResult | undefined>((best, model) => {
    if (best === undefined) return model
    const order = scoreOf(model, metric) - scoreOf(best, metric) || best.params - model.params || best.id - model.id
    return order > 0 ? model : best
  }, undefined)

const leastExcess = (models: readonly ModelResult[], options: PickOptions): ModelResult | undefined =>
  models.reduce<ModelResult | undefined>((least, model) => {
    if (least === undefined) return model
    const order = excessOf(least, options) - excessOf(model, options) || least.params - model.params
    return order > 0 ? model : least
  }, undefined)

/** The best of these models under the budgets, or how far they are from being met. Some model must have a score. */
export const pickBest = (all: readonly ModelResult[], options: PickOptions): Picked | UnmetBudgets => {
  const { budgets, metric, batch } = options
  const models = all.filter((model) => hasScore(model, metric))
  const meets = (model: ModelResult, but?: Cost): boolean =>
    budgets.every((budget) => budget.cost === but || isMet(model, budget, batch))
  const eligible = models.filter((model) => meets(model))
  const best = bestOf(eligible, metric)
  if (best === undefined) {
    const least = budgets.map(({ cost }): [Cost, number] => [
      cost,
      leastOf(models.flatMap((model) => costOf(model, cost, batch) ?? [])),
    ])
    return { nearest: leastExcess(models, options)!, least: Object.fromEntries(least) }
  }
  const better = models.filter((model) => scoreOf(model, metric) > scoreOf(best, metric))
  return {
    best,
    eligible: eligible.length,
    of: models.length,
    binding: budgets.filter(({ cost }) => better.some((model) => meets(model, cost))).map(({ cost }) => cost),
    next: leastExcess(
      better.filter((model) => budgets.every(({ cost }) => costOf(model, cost, batch) !== undefined)),
      options,
    ),
  }
}
