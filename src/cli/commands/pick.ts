/** `genepool pick`: the best model under budgets. */
import * as Effect from 'effect/Effect'
import * as Command from 'effect/cli/Command'
import { axesOf, groupResults } from '../../results/experiment-results.js'
import { lossText, percent, plural } from '../../results/format.js'
import { describeLabels } from '../../results/group-results.js'
import { modelJson, type ModelResult } from '../../results/model-results.js'
import { costOf, type Metric, scoreOf } from '../../results/pareto.js'
import type { Budget, Picked } from '../../results/pick.js'
import {
  budgetFlags,
  costText,
  inWords,
  kindOf,
  limitText,
  modelCalled,
  pickUnder,
  readBudgets,
} from '../input/budgets.js'
import { type FlagsOf, jsonFlag } from '../input/flags.js'
import { inStore } from '../input/inspect.js'
import { measuredFlags, openModels } from '../input/open-results.js'
import { printJson, say } from '../output/print.js'
import { missingNotes, modelNotes, renderModelResults } from '../output/results-tables.js'

const pickFlags = {
  ...measuredFlags,
  ...budgetFlags,
  json: jsonFlag('Print the choice as one line of JSON'),
}
type PickFlags = FlagsOf<typeof pickFlags>

const score = (model: ModelResult, metric: Metric): string =>
  metric === 'loss'
    ? `loss ${lossText(model.loss)}`
    : `${metric === 'top1' ? 'top-1' : 'top-5'} ${percent(scoreOf(model, metric))}`

const describeNext = ({ next }: Picked, budgets: readonly Budget[], { metric, batch }: PickFlags): string => {
  if (next === undefined) return 'no model is better'
  const costs = budgets.map(({ cost, limit }) => {
    const more = costOf(next, cost, batch)! / limit - 1
    return `${costText(next, cost, batch)}${more > 0 ? ` (${more < 1 ? (100 * more).toPrecision(2) : Math.round(100 * more)} % over)` : ''}`
  })
  return `the next better one is ${modelCalled(next)}: ${[score(next, metric), ...costs].join(', ')}`
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
      : `${eligible} of ${plural(of, 'model')} meet ${inWords(budgets.map(limitText))}`,
    ...(budgets.length === 0
      ? []
      : words.length > 0
        ? [
            `${inWords(words)} ${words.length > 1 ? 'bind, each alone' : 'binds'}: ` +
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
  const { picked, models } = yield* pickUnder(results, budgets, flags)
  const groups = groupResults(results)
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
