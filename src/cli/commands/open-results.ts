/** What `results`, `pick`, `pareto` and `report` begin with: everything measured, or a sentence that there is nothing. */
import * as Effect from 'effect/Effect'
import * as Flag from 'effect/cli/Flag'
import { axesOf, hasResults, readResults, type ExperimentResults } from '../../results/experiment-results.js'
import { UsageError } from '../../runtime/errors.js'
import { Store } from '../../runtime/store/store.js'
import { inspectExperiment, type InspectFlags } from './inspect.js'
import { warn } from '../text/result-notes.js'

export const metricFlag = Flag.Literals('metric', ['top1', 'top5', 'loss']).pipe(
  Flag.withDescription('What is good about a model: top1, top5 (more is better) or loss (less is better)'),
  Flag.withDefault('top1'),
)

/** Why there is nothing, as a list of stages that stays short. */
const whatIsMissing = ({ experiment, cells }: ExperimentResults): string => {
  const asked = experiment.cells.some(({ stages }) =>
    [...stages.values()].some(({ node }) => node.kind === 'evaluate' || node.kind === 'single'),
  )
  if (!asked) return 'it has no evaluate() stage'
  const missing = [...new Set(cells.flatMap((cell) => cell.missing))]
  const shown = missing.slice(0, 8)
  const rest = missing.length - shown.length
  return `${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''} did not run with these parameters`
}

/** Fails with a UsageError where nothing of the experiment has been measured as it stands. Says on stderr what is damaged. */
export const openResults = Effect.fnUntraced(function* (flags: InspectFlags) {
  const { experiment, store } = yield* inspectExperiment(flags)
  const results = yield* readResults(experiment).pipe(Effect.provideService(Store, store))
  warn(results.warnings)
  if (!hasResults(results)) {
    return yield* new UsageError({
      message: `there are no results of ${flags.pipeline} as it stands: ${whatIsMissing(results)}`,
      hint: `genepool run ${flags.pipeline}`,
    })
  }
  return { results, store }
})

/** Axes of a flag's text, `init,positions`; `seed` may be one. Fails with a UsageError for others. */
export const readAxes = Effect.fnUntraced(function* (
  results: ExperimentResults,
  text: string,
): Effect.fn.Return<readonly string[], UsageError> {
  const { kind, name } = results.experiment
  if (kind === 'pipeline') {
    return yield* new UsageError({ message: `--by groups the cells of a suite, and ${name} is a single pipeline` })
  }
  const known = [...new Set([...axesOf(results), 'seed'])]
  const axes = text.split(',').map((axis) => axis.trim())
  const stranger = axes.find((axis) => !known.includes(axis))
  if (stranger !== undefined) {
    return yield* new UsageError({
      message: `the suite ${name} has no axis '${stranger}'`,
      hint: `--by takes ${known.join(', ')}, or several with commas between`,
    })
  }
  return axes
})
