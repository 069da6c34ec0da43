/** Whether the times that a command needs have been measured. */
import * as Effect from 'effect/Effect'
import { batchesOf } from '../results/model-columns.js'
import type { Comparable } from '../results/pareto.js'
import { UsageError } from '../runtime/errors.js'

/** Fails with a UsageError that says how to measure them. */
export const checkBatch = Effect.fnUntraced(function* (
  models: readonly Comparable[],
  batch: number,
  target: string,
): Effect.fn.Return<void, UsageError> {
  const batches = batchesOf(models)
  if (batches.length === 0) {
    return yield* new UsageError({
      message: `no latency of ${target} has been measured`,
      hint: `write .latency() before .evaluate(), then genepool run ${target}`,
    })
  }
  if (!batches.includes(batch)) {
    return yield* new UsageError({
      message: `latency was not measured at batch ${batch}, but at ${batches.join(' and ')}`,
      hint: `--batch ${batches.join(' or --batch ')}; or write .latency({ batch: ${batch} })`,
    })
  }
})
