/** What has to be said beside results: what is damaged, what has not run, what cannot be compared. */
import * as Effect from 'effect/Effect'
import { plural } from '../../results/format.js'
import type { GroupResult } from '../../results/group-cells.js'
import type { ModelResult } from '../../results/group-models.js'
import { extentOf } from '../../results/extent.js'
import { hasScore, type Metric } from '../../results/pareto.js'
import { UsageError } from '../../runtime/errors.js'

/** On stderr, a line each. */
export const warn = (lines: readonly string[]): void => {
  for (const line of lines) process.stderr.write(`genepool: ${line}\n`)
}

const mostCells = 5
const mostStages = 8

const listed = (stages: readonly string[]): string => {
  const rest = stages.length - mostStages
  return rest > 0 ? `${stages.slice(0, mostStages).join(', ')} and ${rest} more` : stages.join(', ')
}

/** A line for each cell of which something has not run, as long as they are few. */
export const missingNotes = (groups: readonly GroupResult[]): readonly string[] => {
  const missing = groups.flatMap((group) => group.missing)
  const shown = missing
    .slice(0, mostCells)
    .map(({ cell, stages }) => `missing: ${cell === '' ? listed(stages) : `${cell} (${listed(stages)})`}`)
  const rest = missing.length - shown.length
  return rest > 0 ? [...shown, `… and ${plural(rest, 'more cell')}; genepool plan shows all`] : shown
}

/** Where models are means over different numbers of cells, and where losses are no numbers. */
export const modelNotes = (models: readonly ModelResult[], metric: Metric): readonly string[] => {
  const [least, most] = extentOf(models.map(({ n }) => n))
  const without = models.filter((model) => !hasScore(model, metric)).length
  return [
    ...(least < most ? [`models are means over ${least} to ${most} cells: the column n says over how many`] : []),
    ...(without > 0 ? [`${plural(without, 'model')} left out: the ${metric} is not a number`] : []),
  ]
}

/** Fails with a UsageError where no model can be compared by this metric. */
export const checkScores = Effect.fnUntraced(function* (
  models: readonly ModelResult[],
  metric: Metric,
  target: string,
): Effect.fn.Return<void, UsageError> {
  if (models.some((model) => hasScore(model, metric))) return
  return yield* new UsageError({
    message: `no model of ${target} has a ${metric} that is a number`,
    hint: 'choose another --metric',
  })
})
