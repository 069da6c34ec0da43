/** Whether the times that a command needs have been measured. */
import * as Effect from 'effect/Effect'
import type { LatencyParams } from '../../dsl/nodes.js'
import type { ExperimentResults } from '../../results/experiment-results.js'
import { batchesOf } from '../../results/model-columns.js'
import type { Comparable } from '../../results/pareto.js'
import { UsageError } from '../../runtime/errors.js'

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
  models: readonly Comparable[],
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
