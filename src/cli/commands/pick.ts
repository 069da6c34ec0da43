/** `genepool pick`: the best model under budgets. */
import * as Effect from 'effect/Effect'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { axesOf, groupResults, modelResults } from '../../results/experiment-results.js'
import { count, lossText, milliseconds, parseCount, parseMilliseconds, percent, plural } from '../../results/format.js'
import { describeLabels } from '../../results/group-results.js'
import { modelJson, type ModelResult } from '../../results/model-results.js'
import { type Cost, costOf, type Metric, scoreOf } from '../../results/pareto.js'
import { type Budget, pickBest, type Picked, type UnmetBudgets } from '../../results/pick.js'
import { UsageError } from '../../runtime/errors.js'
import { type FlagsOf, jsonFlag, textFlag } from '../input/flags.js'
import { inStore } from '../input/inspect.js'
import { checkBatch, checkScores, measuredFlags, metricFlag, openModels } from '../input/open-results.js'
import { printJson, say } from '../output/print.js'
import { missingNotes, modelNotes, renderModelResults } from '../output/results-tables.js'

const pickFlags = {
  ...measuredFlags,
  maxParams: textFlag('max-params', 'At most so many parameters: 5e6, 5M, 800k'),
  maxMacs: textFlag('max-macs', 'At most so many multiply-accumulates an image: 1e9, 1.2G'),
  maxLatency: textFlag('max-latency', 'At most this time a pass: 20ms, 0.02s; a plain number is milliseconds'),
  batch: Flag.Int('batch').pipe(Flag.withDescription('Images of the timed pass; default: 1'), Flag.withDefault(1)),
  metric: metricFlag,
  json: jsonFlag('Print the choice as one line of JSON'),
}
type PickFlags = FlagsOf<typeof pickFlags>

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

const kindOf = (cost: Cost) => kinds.find((kind) => kind.cost === cost)!

const readBudgets = Effect.fnUntraced(function* (flags: PickFlags): Effect.fn.Return<readonly Budget[], UsageError> {
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

const shown = (model: ModelResult, cost: Cost, batch: number): string => {
  const { show, unit } = kindOf(cost)
  return `${show(costOf(model, cost, batch)!)} ${unit}`
}

const limitOf = ({ cost, limit }: Budget): string => `${kindOf(cost).word} ${kindOf(cost).show(limit)}`

const list = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)!}`

const named = (model: ModelResult): string => {
  const at = describeLabels(model.at)
  return at === '' ? model.name : `${model.name} of ${at} (n = ${model.n})`
}

/** Which budgets ask too much, and the least that there is. */
const unmetError = ({ nearest, least }: UnmetBudgets, budgets: readonly Budget[], flags: PickFlags): UsageError => {
  const impossible = budgets.filter(({ cost, limit }) => least[cost]! > limit)
  const asked = impossible.length > 0 ? impossible : budgets
  const leastCosts = asked.map(({ cost }) => `${kindOf(cost).show(least[cost]!)} ${kindOf(cost).unit}`)
  const nearestCosts = asked.map(({ cost }) => shown(nearest, cost, flags.batch))
  const there =
    impossible.length > 0
      ? `the least there is has ${list(leastCosts)}`
      : `each can be met, but not together; the nearest is ${named(nearest)} with ${list(nearestCosts)}`
  return new UsageError({ message: `no model of ${flags.pipeline} meets ${list(asked.map(limitOf))}: ${there}` })
}

const score = (model: ModelResult, metric: Metric): string =>
  metric === 'loss'
    ? `loss ${lossText(model.loss)}`
    : `${metric === 'top1' ? 'top-1' : 'top-5'} ${percent(scoreOf(model, metric))}`

const describeNext = ({ next }: Picked, budgets: readonly Budget[], { metric, batch }: PickFlags): string => {
  if (next === undefined) return 'no model is better'
  const costs = budgets.map(({ cost, limit }) => {
    const more = costOf(next, cost, batch)! / limit - 1
    return `${shown(next, cost, batch)}${more > 0 ? ` (${more < 1 ? (100 * more).toPrecision(2) : Math.round(100 * more)} % over)` : ''}`
  })
  return `the next better one is ${named(next)}: ${[score(next, metric), ...costs].join(', ')}`
}

const describe = (picked: Picked, budgets: readonly Budget[], flags: PickFlags): readonly string[] => {
  const { best, eligible, of, binding } = picked
  const words = binding.map((cost) => kindOf(cost).word)
  return [
    ...(Object.keys(best.at).length === 0
      ? []
      : [`cell: ${describeLabels(best.at)}, mean over ${plural(best.n, 'seed')}`]),
    budgets.length === 0
      ? `best of ${plural(of, 'model')}`
      : `${eligible} of ${plural(of, 'model')} meet ${list(budgets.map(limitOf))}`,
    ...(budgets.length === 0
      ? []
      : words.length > 0
        ? [
            `${list(words)} ${words.length > 1 ? 'bind, each alone' : 'binds'}: ` +
              'with more of it a better model would fit',
          ]
        : [
            picked.next === undefined ? 'no budget binds' : 'the budgets bind together: more of one alone buys nothing',
          ]),
    describeNext(picked, budgets, flags),
  ]
}

const pick = Effect.fnUntraced(function* (flags: PickFlags) {
  const budgets = yield* readBudgets(flags)
  const results = yield* openModels(flags)
  const { kind } = results.experiment
  const models = modelResults(results, flags.metric)
  yield* checkScores(models, flags.metric, flags.pipeline)
  if (budgets.some(({ cost }) => cost === 'latency')) yield* checkBatch(results, models, flags.batch, flags.pipeline)
  const groups = groupResults(results)
  const picked = pickBest(models, { budgets, metric: flags.metric, batch: flags.batch })
  if ('nearest' in picked) return yield* unmetError(picked, budgets, flags)
  if (flags.json) {
    const { best, next, ...rest } = picked
    const nextJson = next === undefined ? null : modelJson(kind, next)
    const chosen = { best: modelJson(kind, best), metric: flags.metric, budgets, ...rest, next: nextJson }
    return printJson({ ...chosen, missing: groups.flatMap(({ missing }) => missing) })
  }
  const table = renderModelResults([{ ...picked.best, dominated: false }], {
    axes: axesOf(results),
    spread: kind === 'suite',
    cells: results.cells,
  })
  const notes = [...modelNotes(models, flags.metric), ...missingNotes(groups)]
  return say([table, '', ...describe(picked, budgets, flags), ...notes].join('\n'))
})

export const pickCommand = Command.make('pick', pickFlags).pipe(
  Command.withDescription('Name the best model under budgets of parameters, multiply-accumulates and time'),
  Command.withExamples([
    {
      command: 'genepool pick pipelines/quickstart.ts --max-params 150k --max-macs 2.5M',
      description: 'The most accurate model that is no larger and no dearer',
    },
  ]),
  Command.withHandler(inStore(pick)),
)
