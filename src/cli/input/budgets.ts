/** Budgets of parameters, multiply-accumulates and time, and the best model under them. */
import * as Effect from 'effect/Effect'
import * as Flag from 'effect/cli/Flag'
import { type ExperimentResults, modelResults } from '../../results/experiment-results.js'
import { count, milliseconds, parseCount, parseMilliseconds } from '../../results/format.js'
import { describeLabels } from '../../results/group-results.js'
import type { ModelResult } from '../../results/model-results.js'
import { type Cost, costOf } from '../../results/pareto.js'
import { type Budget, pickBest, type Picked, type UnmetBudgets } from '../../results/pick.js'
import { UsageError } from '../../runtime/errors.js'
import { type FlagsOf, textFlag } from './flags.js'
import { checkBatch, checkScores, metricFlag } from './open-results.js'

/** What a model may cost, and of what pass its time is meant. */
export const budgetFlags = {
  maxParams: textFlag('max-params', 'At most so many parameters: 5e6, 5M, 800k'),
  maxMacs: textFlag('max-macs', 'At most so many multiply-accumulates an image: 1e9, 1.2G'),
  maxLatency: textFlag('max-latency', 'At most this time a pass: 20ms, 0.02s; a plain number is milliseconds'),
  batch: Flag.Int('batch').pipe(Flag.withDescription('Images of the timed pass; default: 1'), Flag.withDefault(1)),
  metric: metricFlag,
}

/** The same beside the target that is meant. */
export type BudgetFlags = FlagsOf<typeof budgetFlags> & { readonly pipeline: string }

const kinds = [
  { cost: 'params', flag: 'maxParams', word: '--max-params', unit: 'params', parse: parseCount, show: count },
  { cost: 'macs', flag: 'maxMacs', word: '--max-macs', unit: 'MACs', parse: parseCount, show: count },
  {
    cost: 'latency',
    flag: 'maxLatency',
    word: '--max-latency',
    unit: 'a pass',
    parse: parseMilliseconds,
    show: milliseconds,
  },
] as const

export const kindOf = (cost: Cost) => kinds.find((kind) => kind.cost === cost)!

/** Fails with a UsageError for what is no amount. */
export const readBudgets = Effect.fnUntraced(function* (
  flags: BudgetFlags,
): Effect.fn.Return<readonly Budget[], UsageError> {
  const budgets: Budget[] = []
  for (const { cost, flag, word, parse } of kinds) {
    const text = flags[flag]
    if (text === undefined) continue
    const limit = parse(text)
    if (limit === undefined) {
      return yield* new UsageError({
        message: `${word} is '${text}', which is no amount`,
        hint: cost === 'latency' ? 'write a time: 20ms, 0.02s' : 'write a number above 0: 5e6, 5M, 1.2G',
      })
    }
    budgets.push({ cost, limit })
  }
  return budgets
})

export const costText = (model: ModelResult, cost: Cost, batch: number): string => {
  const { show, unit } = kindOf(cost)
  return `${show(costOf(model, cost, batch)!)} ${unit}`
}

export const limitText = ({ cost, limit }: Budget): string => `${kindOf(cost).word} ${kindOf(cost).show(limit)}`

export const inWords = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)!}`

export const modelCalled = (model: ModelResult): string => {
  const at = describeLabels(model.at)
  return at === '' ? model.name : `${model.name} of ${at} (n = ${model.n})`
}

/** Which budgets ask too much, and the least that there is. */
const unmetError = ({ nearest, least }: UnmetBudgets, budgets: readonly Budget[], flags: BudgetFlags): UsageError => {
  const impossible = budgets.filter(({ cost, limit }) => least[cost]! > limit)
  const asked = impossible.length > 0 ? impossible : budgets
  const leastCosts = asked.map(({ cost }) => `${kindOf(cost).show(least[cost]!)} ${kindOf(cost).unit}`)
  const nearestCosts = asked.map(({ cost }) => costText(nearest, cost, flags.batch))
  const there =
    impossible.length > 0
      ? `the least there is has ${inWords(leastCosts)}`
      : `each can be met, but not together; the nearest is ${modelCalled(nearest)} with ${inWords(nearestCosts)}`
  return new UsageError({ message: `no model of ${flags.pipeline} meets ${inWords(asked.map(limitText))}: ${there}` })
}

/** Fails with a UsageError where no model has the score or the time, or none meets the budgets. */
export const pickUnder = Effect.fnUntraced(function* (
  results: ExperimentResults,
  budgets: readonly Budget[],
  flags: BudgetFlags,
): Effect.fn.Return<{ readonly picked: Picked; readonly models: readonly ModelResult[] }, UsageError> {
  const { metric, batch, pipeline } = flags
  const models = modelResults(results, metric)
  yield* checkScores(models, metric, pipeline)
  if (budgets.some(({ cost }) => cost === 'latency')) yield* checkBatch(results, models, batch, pipeline)
  const picked = pickBest(models, { budgets, metric, batch })
  if ('nearest' in picked) return yield* unmetError(picked, budgets, flags)
  return { picked, models }
})
