/**
 * How the stitch layers of a grid start (docs/method.md, section 4): at random, by least squares between the features
 * of two students (SN-Net's start), or from learned matrices (matrix-start.ts).
 */
import * as Effect from 'effect/Effect'
import type { StitchParams } from '../../dsl/nodes.js'
import type { StitchPosition } from '../../dsl/grid.js'
import { numTokens } from '../../dsl/vit-config.js'
import type { Engine, HostArrays } from '../../engine/engine.js'
import { attempt, attemptAsync, type StageError } from '../../runtime/errors.js'
import type { InputArtifact, Progress } from '../../runtime/stage-contract.js'
import type { Split } from '../data/dataset.js'
import { Generator } from '../data/random.js'
import { compileForward, overSplit } from '../model/forward.js'
import { ModelFileError } from '../model/model-file-error.js'
import { type StoredModel } from '../model/model-files.js'
import { vitForward, vitTensors } from '../model/vit.js'
import { startLinears } from '../model/weight-start.js'
import { layoutOf, pack, slices, type NamedValues } from '../tensors/named-tensors.js'
import type { Affine } from './affine.js'
import { gridStitchTensors, layerNames, type PoolGrid } from './grid.js'
import { leastSquares } from './least-squares.js'
import { composedMaps, learnedMaps, openMatrices, type StudentMatrices } from './matrix-start.js'

/** Images a call at most. */
const BATCH = 100

/**
 * Tokens `[n·T, d]` of the n images at `indices`, without augmentation: the first block's input, then each block's
 * output. So entry k is the input of block k, and entry j + 1 the output of block j.
 */
export const stitchFeatures = Effect.fnUntraced(function* (
  engine: Engine,
  { config, values }: Pick<StoredModel, 'config' | 'values'>,
  split: Split,
  indices: Int32Array,
): Effect.fn.Return<readonly Float32Array[], StageError> {
  const layout = layoutOf(vitTensors(config))
  const forward = yield* attemptAsync(() =>
    compileForward(engine, {
      label: 'features',
      config,
      batch: Math.min(BATCH, indices.length),
      fixed: { theta: pack(layout, values) },
      fn: (pixels, { theta }) => {
        const { embedded, blocks } = vitForward(slices(layout, theta), config, pixels)
        const features = [embedded, ...blocks.map(({ map }) => map)]
        return Object.fromEntries(features.map((tokens, index) => [`tokens.${index}`, tokens]))
      },
    }),
  )
  const rowSize = numTokens(config) * config.embedDim
  const features = Array.from({ length: config.depth + 1 }, () => new Float32Array(indices.length * rowSize))
  const take = (outputs: HostArrays, from: number, rows: number): void =>
    features.forEach((feature, index) => {
      feature.set((outputs[`tokens.${index}`] as Float32Array).subarray(0, rows * rowSize), from * rowSize)
    })
  yield* overSplit(forward, split, indices.length, take, indices)
  yield* attemptAsync(() => forward.release())
  return features
})

/** A student's tokens on the sampled images, as `stitchFeatures` gives them. */
interface StudentFeatures {
  /** Width d of a token. */
  readonly width: number
  /** `[rows, d]` each. */
  readonly tokens: readonly Float32Array[]
}

/**
 * The maps of one pair's layers from front's output to end's input, by least squares at each position, averaged over
 * the positions that share a layer. `solved` is called after each position. Works from narrow to wide and back.
 */
export const leastSquaresMaps = Effect.fnUntraced(function* (
  front: StudentFeatures,
  end: StudentFeatures,
  positions: readonly StitchPosition[],
  solved: () => void,
): Effect.fn.Return<readonly Affine[], StageError> {
  const sharing = new Map<number, number>()
  for (const { layer } of positions) sharing.set(layer, (sharing.get(layer) ?? 0) + 1)
  const maps = Array.from(sharing, (): Affine => ({
    out: end.width,
    inner: front.width,
    weight: new Float64Array(end.width * front.width),
    bias: new Float64Array(end.width),
  }))
  const rows = front.tokens[0].length / front.width
  for (const { front: j, end: k, layer } of positions) {
    const solution = yield* attempt(() =>
      leastSquares(front.tokens[j + 1], rows, front.width, end.tokens[k], end.width),
    )
    const share = sharing.get(layer)!
    for (const part of ['weight', 'bias'] as const) {
      solution[part].forEach((value, index) => (maps[layer][part][index] += value / share))
    }
    solved()
    yield* Effect.yieldNow
  }
  return maps
})

interface StartFrom {
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

/** The maps of all pairs' layers as tensors, rounded to single precision. */
const valuesOf = (grid: PoolGrid, maps: readonly (readonly Affine[])[]): NamedValues =>
  Object.fromEntries(
    maps.flatMap((layers, pair) =>
      layerNames(grid, pair).flatMap((name, layer) => [
        [`${name}.weight`, Float32Array.from(layers[layer].weight)],
        [`${name}.bias`, Float32Array.from(layers[layer].bias)],
      ]),
    ),
  )

/** Starts from the students' learned matrices. A student that stands for the teacher needs none. */
const fromMatrices = (params: Params, { grid, models, pool, teacherWidth }: StartFrom): NamedValues => {
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
): Effect.fn.Return<NamedValues, StageError> {
  const indices = Generator.from(seed, 'samples').sample(split.count, Math.min(samples, split.count))
  const features = new Map<number, StudentFeatures>()
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
 * `stitch.<pair>.<layer>.weight` `[d_end, d_front]` and its bias for every layer of the grid, before tuning, from
 * narrow to wide and back. `random` is the usual start of a Linear.
 */
export const startStitches = (params: Params, from: StartFrom): Effect.Effect<NamedValues, StageError> => {
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
