/**
 * The stage `latency`: how long every descendant's forward pass takes on this machine, engine and device
 * (docs/method.md, section 5).
 */
import * as tf from '@tensorflow/tfjs-core'
import { join } from 'node:path'
import * as Effect from 'effect/Effect'
import { quantile } from '../base/quantile.js'
import type { LatencyParams } from '../dsl/nodes.js'
import type { CompiledFunction, Engine } from '../engine/engine.js'
import { sizeOfShape } from '../engine/host-values.js'
import { attempt, attemptAsync, type StageError } from '../runtime/errors.js'
import type { StageContext, StageFunction, StageSummary } from '../runtime/stage-contract.js'
import { pixelSpec } from './data/dataset.js'
import { Generator } from './data/random.js'
import { withEngine } from './model/engine-scope.js'
import { writeLines } from './model/model-files.js'
import type { NamedTensors } from './tensors/named-tensors.js'
import { descendantName, type Segment, tensorsOnPaths } from './stitching/grid.js'
import { openStitchedPool, type StitchedPool, type StoredTensors } from './stitching/stitched-pool.js'
import { stitchedVit } from './stitching/stitched-vit.js'

/** Times of forward passes of one batch size, in milliseconds: the median, and the 10th and 90th percentile. */
interface BatchLatency {
  readonly batch: number
  readonly medianMs: number
  readonly p10Ms: number
  readonly p90Ms: number
}

/** One line of `latency.jsonl`. */
export interface DescendantLatency {
  /** Its number in its grid. */
  readonly id: number
  readonly name: string
  readonly latency: readonly BatchLatency[]
}

/** With its weights as constants, as in a model that is shipped: a pass copies only pixels and logits. */
const compileDescendant = (
  engine: Engine,
  { grid, groups }: StitchedPool,
  path: readonly Segment[],
  batch: number,
): Promise<CompiledFunction> => {
  const used = tensorsOnPaths([path], grid)
  const constants = (tensors: StoredTensors['tensors'], { values }: StoredTensors): NamedTensors =>
    Object.fromEntries(tensors.map(({ name, shape }) => [name, tf.tensor(values[name], [...shape])]))
  return engine.compile(
    `latency of batch ${batch}`,
    ({ pixels }) => {
      const models = used.models.map((tensors, index) => constants(tensors, groups[index]))
      const stitches = constants(used.stitches, groups.at(-1)!)
      return { logits: stitchedVit(models, stitches, grid, path, pixels as tf.Tensor4D) }
    },
    { pixels: pixelSpec(grid.configs[0], batch) },
  )
}

/** Milliseconds of every timed pass. */
const timePasses = Effect.fnUntraced(function* (
  { run }: CompiledFunction,
  pixels: Float32Array,
  { warmup, rounds }: LatencyParams,
): Effect.fn.Return<readonly number[], StageError> {
  const times: number[] = []
  for (let pass = 0; pass < warmup + rounds; pass++) {
    const began = performance.now()
    yield* attemptAsync(() => run({ pixels }))
    if (pass >= warmup) times.push(performance.now() - began)
    yield* Effect.yieldNow
  }
  return times
})

const timeDescendants = Effect.fnUntraced(function* (
  context: StageContext<LatencyParams>,
  engine: Engine,
): Effect.fn.Return<StageSummary, StageError> {
  const { params, inputs, outDir, progress } = context
  const pool = yield* attempt(() => openStitchedPool(inputs['stitch']))
  const { grid, names } = pool
  const batches = [...new Set([1, params.batch])]
  const noise = Generator.from(0, 'latency')
  const lines: DescendantLatency[] = []
  for (const [index, { id }] of grid.descendants.entries()) {
    const path = grid.paths[index]
    const latency: BatchLatency[] = []
    for (const batch of batches) {
      const pixels = Float32Array.from({ length: sizeOfShape(pixelSpec(grid.configs[0], batch).shape) }, () =>
        noise.normal(),
      )
      const compiled = yield* attemptAsync(() => compileDescendant(engine, pool, path, batch))
      const sorted = [...(yield* timePasses(compiled, pixels, params))].sort((a, b) => a - b)
      yield* attemptAsync(() => compiled.release())
      const [p10Ms, medianMs, p90Ms] = [0.1, 0.5, 0.9].map((share) => quantile(sorted, share))
      latency.push({ batch, medianMs, p10Ms, p90Ms })
    }
    lines.push({ id, name: descendantName(names, path), latency })
    progress({ phase: 'time', step: index + 1, steps: grid.descendants.length })
  }
  return yield* attempt(() => {
    writeLines(join(outDir, 'latency.jsonl'), lines)
    const medians = (at: number): readonly number[] => lines.map(({ latency }) => latency[at].medianMs)
    return {
      ...params,
      threads: context.engine.threads,
      ...Object.fromEntries(
        batches.flatMap((batch, at) => [
          [`fastestMs${batch}`, Math.min(...medians(at))],
          [`slowestMs${batch}`, Math.max(...medians(at))],
        ]),
      ),
    }
  })
})

/** The stage `latency`. Leaves `latency.jsonl`: one DescendantLatency a line, by id. */
export const latency: StageFunction<LatencyParams> = (context) =>
  withEngine(context.engine, (engine) => timeDescendants(context, engine))
