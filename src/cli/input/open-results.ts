/** What `results`, `pick`, `pareto` and `report` begin with: all figures, or a sentence that there is nothing. */
import * as Effect from 'effect/Effect'
import * as Flag from 'effect/cli/Flag'
import type { LatencyParams } from '../../dsl/nodes.js'
import {
  axesOf,
  evaluates,
  type ExperimentResults,
  hasFigures,
  hasResults,
  readResults,
} from '../../results/experiment-results.js'
import { hasModels } from '../../results/figures.js'
import type { ModelResult } from '../../results/model-results.js'
import { type ComparableModel, hasScore, type Metric } from '../../results/pareto.js'
import { batchesOf } from '../../results/model-row.js'
import { UsageError } from '../../runtime/errors.js'
import { experimentOf } from '../../runtime/plan/experiment.js'
import type { Plan } from '../../runtime/plan/plan.js'
import { describeEscape } from '../../runtime/plan/warnings.js'
import { notStored } from '../../runtime/store/find-store.js'
import { warn } from '../output/print.js'
import { artifactFlags, pipelineArgument, verboseFlag } from './flags.js'
import { inspect, type InspectFlags } from './inspect.js'

export const measuredFlags = { pipeline: pipelineArgument, ...artifactFlags, verbose: verboseFlag }

export const metricFlag = Flag.Literals('metric', ['top1', 'top5', 'loss']).pipe(
  Flag.withDescription('What is good about a model: top1, top5 (more is better) or loss (less is better)'),
  Flag.withDefault('top1'),
)

/** Why there is nothing: the stages that did not run or failed, the first few by name. */
const whatIsMissing = ({ cells }: ExperimentResults): string => {
  const missing = [...new Set(cells.flatMap((cell) => cell.missing))]
  if (missing.length === 0) return 'its stages have returned no figures'
  const shown = missing.slice(0, 8)
  const rest = missing.length - shown.length
  return `${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''} left no result with these parameters`
}

/** Stages whose results are never taken again, and so are none of the pipeline as it stands. */
const escapesIn = (plan: Plan): readonly string[] =>
  plan.stages.flatMap(({ stage, reasons }) =>
    reasons.flatMap((reason) => (reason.type === 'escape' ? [describeEscape(stage, reason)] : [])),
  )

const readAll = Effect.fnUntraced(function* (flags: InspectFlags) {
  const { graph, prepared, plan, engine } = yield* inspect(flags)
  const results = yield* readResults(experimentOf(graph, prepared, plan, engine, flags.pipeline))
  warn([...results.warnings, ...escapesIn(plan)])
  return results
})

const noResults = (results: ExperimentResults, target: string) => {
  const isComplete = results.cells.every(({ missing }) => missing.length === 0)
  return notStored({
    message: `there are no results of ${target} as it stands: ${whatIsMissing(results)}`,
    hint: isComplete
      ? 'return them from a stage, { accuracy: 0.97 }, or write .evaluate()'
      : `genepool run ${target}${hasFigures(results) ? `; genepool results ${target} --all prints what is there` : ''}`,
  })
}

/**
 * Fails with a UsageError where there is nothing of it as it stands; with `anyFigure` the figures of its other stages
 * are something also where its models are not measured. Says on stderr what is damaged.
 */
export const openResults = Effect.fnUntraced(function* (flags: InspectFlags, anyFigure = false) {
  const results = yield* readAll(flags)
  if (hasResults(results) || (anyFigure && hasFigures(results))) return results
  return yield* noResults(results, flags.pipeline)
})

/** Fails with a UsageError where no model has been measured. */
export const checkModels = Effect.fnUntraced(function* (results: ExperimentResults, target: string) {
  if (hasModels(results.cells)) return undefined
  if (evaluates(results)) return yield* noResults(results, target)
  return yield* new UsageError({
    message: `${target} measures no models: it has no evaluate() stage`,
    hint: `genepool results ${target} prints the figures of its stages`,
  })
})

/** The same for what compares models. */
export const openModels = Effect.fnUntraced(function* (flags: InspectFlags) {
  const results = yield* readAll(flags)
  yield* checkModels(results, flags.pipeline)
  return results
})

/** The axes that a flag names, as in `init,positions`; `seed` may be one. Fails with a UsageError for others. */
export const groupingAxes = Effect.fnUntraced(function* (
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

/** Batches that stages of the experiment would time, had they run here with this engine. */
const unmeasuredBatches = ({ experiment }: ExperimentResults): ReadonlySet<number> => {
  const stages = experiment.cells.flatMap((cell) => [...cell.stages.values()])
  return new Set(
    stages.flatMap(({ node, manifest }) =>
      node.kind === 'latency' && manifest === undefined ? [1, (node.params as LatencyParams).batch] : [],
    ),
  )
}

/** Fails with a UsageError that says how to measure them. */
export const checkBatch = Effect.fnUntraced(function* (
  results: ExperimentResults,
  models: readonly ComparableModel[],
  batch: number,
  target: string,
): Effect.fn.Return<void, UsageError> {
  const batches = batchesOf(models)
  if (batches.includes(batch)) return undefined
  const unmeasured = unmeasuredBatches(results)
  if (unmeasured.has(batch) || (batches.length === 0 && unmeasured.size > 0)) {
    return yield* new UsageError({
      message: `latency of ${target} was not measured on this machine with this engine`,
      hint: `genepool run ${target}`,
    })
  }
  if (batches.length === 0) {
    return yield* new UsageError({
      message: `no latency of ${target} has been measured`,
      hint: `write .latency() before .evaluate(), then genepool run ${target}`,
    })
  }
  return yield* new UsageError({
    message: `latency was not measured at batch ${batch}, but at ${batches.join(' and ')}`,
    hint: `--batch ${batches.join(' or --batch ')}; or write .latency({ batch: ${batch} })`,
  })
})
