/** How the stitch layers of every pair of a grid start (docs/method.md, section 4). */
import * as Effect from 'effect/Effect'
import type { StitchParams } from '../../dsl/nodes.js'
import type { Engine } from '../../engine/engine.js'
import type { StageError } from '../../runtime/errors.js'
import type { InputArtifact, Progress } from '../../runtime/stage-contract.js'
import { attempt } from '../attempt.js'
import { Generator } from '../data/random.js'
import type { Split } from '../data/dataset.js'
import { ModelFileError, type StoredModel } from '../model/model-files.js'
import type { Values } from '../model/vit-params.js'
import { startLinears } from '../model/weight-start.js'
import type { Affine } from './affine.js'
import { leastSquaresMaps, type FeaturesOf } from './least-squares-start.js'
import { composedMaps, learnedMaps } from './matrix-start.js'
import { gridStitchTensors, layerNames, type PoolGrid } from './pool-grid.js'
import { stitchFeatures } from './stitch-features.js'
import { openMatrices, type StudentMatrices } from './student-matrices.js'

export interface StartFrom {
  readonly engine: Engine
  readonly grid: PoolGrid
  /** The students, in the grid's order. */
  readonly models: readonly StoredModel[]
  /** The pool's artifact, which holds their matrices. */
  readonly pool: InputArtifact
  /** Null where there is no teacher. */
  readonly teacherWidth: number | null
  /** The training images. */
  readonly split: Split
  readonly progress: (progress: Progress) => void
}

type Params = Pick<StitchParams, 'models' | 'init' | 'matrices' | 'inverse' | 'samples' | 'seed'>

/** The layers of all pairs by their tensors' names, rounded to single precision. */
const valuesOf = (grid: PoolGrid, maps: readonly (readonly Affine[])[]): Values =>
  Object.fromEntries(
    maps.flatMap((layers, pair) =>
      layerNames(grid, pair).flatMap((name, layer) => [
        [`${name}.weight`, Float32Array.from(layers[layer].weight)],
        [`${name}.bias`, Float32Array.from(layers[layer].bias)],
      ]),
    ),
  )

/** Starts from the students' matrices. A student that stands for the teacher needs none. */
const fromMatrices = (params: Params, { grid, models, pool, teacherWidth }: StartFrom): Values => {
  if (teacherWidth === null) throw new ModelFileError(`init '${params.init}' starts from a teacher, but there is none`)
  const opened = new Map<number, StudentMatrices>()
  const matricesOf = (index: number): StudentMatrices => {
    const { config } = models[index]
    const unread = params.init === 'learned' && config.embedDim === teacherWidth
    const known =
      opened.get(index) ??
      (unread
        ? { config, positions: [], map: [], reverse: [] }
        : openMatrices(pool, params.models[index], models[index], teacherWidth))
    opened.set(index, known)
    return known
  }
  return valuesOf(
    grid,
    grid.stitches.map(({ pair: [front, end], positions }) => {
      const pair = { front: matricesOf(front), end: matricesOf(end), positions }
      if (params.init === 'learned') return learnedMaps(pair, teacherWidth, params)
      if (pair.front.reverse.length === 0) {
        const name = params.models[front]
        throw new ModelFileError(
          `the pool's student ${name} has no matrices towards its teacher, so nothing is composed`,
        )
      }
      return composedMaps(pair, params)
    }),
  )
}

/** Starts from the students' features on `samples` training images. */
const fromFeatures = Effect.fnUntraced(function* (
  { seed, samples }: Params,
  { engine, grid, models, split, progress }: StartFrom,
): Effect.fn.Return<Values, StageError> {
  const indices = Generator.from(seed, 'samples').sample(split.count, Math.min(samples, split.count))
  const features = new Map<number, FeaturesOf>()
  for (const index of new Set(grid.pairs.flat())) {
    const tokens = yield* stitchFeatures(engine, models[index], split, indices)
    features.set(index, { width: models[index].config.embedDim, tokens })
  }
  const steps = grid.stitches.reduce((sum, { positions }) => sum + positions.length, 0)
  let step = 0
  const solved = () => progress({ phase: 'least squares', step: ++step, steps })
  const maps: (readonly Affine[])[] = []
  for (const { pair, positions } of grid.stitches) {
    const [front, end] = pair.map((index) => features.get(index)!)
    maps.push(yield* leastSquaresMaps(front, end, positions, solved))
  }
  return valuesOf(grid, maps)
})

/**
 * `stitch.<pair>.<layer>.weight` `[d_end, d_front]` and its bias for every layer of the grid, before tuning; in whatever direction
 * a pair goes. `random` is the usual start of a Linear.
 */
export const startStitches = (params: Params, from: StartFrom): Effect.Effect<Values, StageError> => {
  switch (params.init) {
    case 'random':
      return attempt(() => startLinears(gridStitchTensors(from.grid), params.seed, 'stitch'))
    case 'leastSquares':
      return fromFeatures(params, from)
    case 'learned':
    case 'composed':
      return attempt(() => fromMatrices(params, from))
  }
}
