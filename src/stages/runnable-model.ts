/**
 * A model that stands alone: the tensors that it runs, and no others, with its forward pass. Whole models come from
 * weights of any supported library, descendants from the folder of a stitched pool, its members from a pool's.
 */
import type * as tf from '@tensorflow/tfjs-core'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { sentenceOf } from '../base/errors.js'
import { nearest, spelled } from '../dsl/names.js'
import type { VitConfig } from '../dsl/vit-config.js'
import { StageError } from '../runtime/errors.js'
import type { InputArtifact } from '../runtime/stage-contract.js'
import type { DescendantIdentity } from './model/loaded-model.js'
import { isDescription, parseDescription } from './weights/exported-model.js'
import { ModelFileError } from './model/model-file-error.js'
import { readTensors } from './model/model-files.js'
import { normalisationOf } from './model/normalisation.js'
import { descendantName, runsFinalNorm } from './stitching/grid.js'
import { planLogits, prefixOf, type RunPlan, shapeOfPlan, tensorsOfPlan } from './stitching/run-plan.js'
import { openStitchedPool, type StitchedPool } from './stitching/stitched-pool.js'
import type { NamedTensors, NamedValues, TensorDefinition } from './tensors/named-tensors.js'
import { SafetensorsError } from './tensors/safetensors.js'
import { readWeights } from './weights/read-weights.js'
import { readJsonObject, weightFiles, type WeightFiles } from './weights/weight-files.js'
import type { Preprocessing } from './weights/weight-format.js'

/** Which descendant of a pool is meant: its number in its grid, or its name (`->` may stand for `→`). */
export type DescendantWish = number | string

interface ToldOfModel extends Preprocessing {
  readonly classNames?: readonly string[]
  readonly descendant?: DescendantIdentity
}

export interface RunnableModel extends ToldOfModel {
  /** Its shape; of a stitched one, that of the model that it ends in. */
  readonly config: VitConfig
  readonly plan: RunPlan
  /**
   * Timm's names in the order of its `named_parameters`; in a stitched one with the model's name before each
   * (`tiny.blocks.0.norm1.weight`), then the stitch layers (`stitch.0.2.weight`).
   */
  readonly tensors: readonly TensorDefinition[]
  readonly values: NamedValues
  /** Pixels `[B, h, w, c]` → logits `[B, classes]`. */
  readonly logits: (params: NamedTensors, pixels: tf.Tensor4D) => tf.Tensor2D
}

const inList = (names: readonly string[]): string => {
  const most = 8
  return names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} … (${names.length} in all)`
}

/**
 * The place in the grid of the descendant that is meant; of a grid with only one that one may go unnamed. Throws a
 * ModelFileError that names the nearest where there is no such descendant.
 */
export const descendantAt = (
  { names, grid }: Pick<StitchedPool, 'names' | 'grid'>,
  wish: DescendantWish | undefined,
): number => {
  const { descendants, paths } = grid
  const known = paths.map((path) => descendantName(names, path))
  if (wish === undefined) {
    if (known.length === 1) return 0
    throw new ModelFileError(`it holds ${known.length} models; name a descendant: ${inList(known)}`)
  }
  const written = spelled(wish)
  const at = known.indexOf(written)
  if (at >= 0) return at
  const byId = /^\d+$/.test(written) ? descendants.findIndex(({ id }) => id === Number(written)) : -1
  if (byId >= 0) return byId
  const ids = descendants.map(({ id }) => id)
  throw new ModelFileError(
    /^-?\d+$/.test(written)
      ? `there is no descendant ${written}; they are numbered ${Math.min(...ids)} to ${Math.max(...ids)}`
      : `there is no descendant '${wish}'; the nearest are ${nearest(written, known, 3).join(', ')}`,
  )
}

const runnable = (plan: RunPlan, values: NamedValues, told: ToldOfModel): RunnableModel => ({
  ...told,
  config: shapeOfPlan(plan),
  plan,
  tensors: tensorsOfPlan(plan),
  values,
  logits: (params, pixels) => planLogits(plan, params, pixels),
})

/** One descendant of an open pool. Throws a ModelFileError where there is no such one. */
const descendantOf = (pool: StitchedPool, wish: DescendantWish | undefined): RunnableModel => {
  const { names, grid, groups, described } = pool
  const at = descendantAt(pool, wish)
  const whole = grid.paths[at]
  // Models that it does not run are left out, and the others counted anew.
  const used = [...new Set(whole.map(({ model }) => model))].sort((a, b) => a - b)
  const plan: RunPlan = {
    models: Object.fromEntries(used.map((model) => [names[model], grid.configs[model]])),
    path: whole.map((segment) => ({ ...segment, model: used.indexOf(segment.model) })),
    finalNorm: runsFinalNorm(whole, grid),
  }
  const values = Object.assign(
    { ...groups.at(-1)!.values },
    ...used.map((model) =>
      Object.fromEntries(
        Object.entries(groups[model].values).map(([name, value]) => [prefixOf(plan, names[model]) + name, value]),
      ),
    ),
  ) as NamedValues
  const run = tensorsOfPlan(plan).map(({ name }) => [name, values[name]] as const)
  return runnable(plan, Object.fromEntries(run), {
    ...normalisationOf(used.map((model) => described[model])),
    descendant: { id: grid.descendants[at].id, name: descendantName(names, whole) },
  })
}

const wholeModel = (files: WeightFiles): RunnableModel => {
  const { config, values, mean, std, crop, interpolation, classNames } = readWeights(files)
  if (config.numClasses === 0) {
    throw new ModelFileError(`${files['config']}: these weights have no head, so there are no logits`)
  }
  const path = [{ model: 0, first: 0, last: config.depth - 1, stitch: null }]
  return runnable({ models: { model: config }, path, finalNorm: true }, values, {
    ...(mean && { mean }),
    ...(std && { std }),
    ...(crop !== undefined && { crop }),
    ...(interpolation !== undefined && { interpolation }),
    ...(classNames && { classNames }),
  })
}

/** All files below, by their path inside. */
const filesBelow = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(folder, path).replaceAll('\\', '/'), path]),
  )

const inStitchedPool = (input: InputArtifact, place: string, wish: DescendantWish | undefined): RunnableModel => {
  try {
    return descendantOf(openStitchedPool(input), wish)
  } catch (cause) {
    // What is no grid may be anything at all.
    const isTold = cause instanceof ModelFileError || cause instanceof StageError || cause instanceof SafetensorsError
    const what = isTold ? sentenceOf(cause) : `grid.json describes no stitched pool: ${sentenceOf(cause)}`
    throw new ModelFileError(what.startsWith(place) ? what : `${place}: ${what}`, { cause })
  }
}

/**
 * The same from the artifact of a stage stitch, single, teacher, anchor or distill, which errors call `called`.
 */
export const openRunnableIn = (input: InputArtifact, called: string, wish?: DescendantWish): RunnableModel => {
  if (input.files['grid.json'] !== undefined) return inStitchedPool(input, called, wish)
  const [weights, config] = [input.files['model.safetensors'], input.files['config.json']]
  if (weights === undefined || config === undefined) throw new ModelFileError(`${called} left no model`)
  return wholeModel({ weights, config })
}

/** A member of a pool that is not stitched. */
const inPool = (folder: string, wish: DescendantWish): RunnableModel => {
  const names = readdirSync(join(folder, 'students')).sort()
  if (names.includes(String(wish))) return wholeModel(weightFiles(join(folder, 'students', String(wish))))
  throw new ModelFileError(
    `${folder}: there is no model '${wish}' in this pool, which is not stitched; it holds ${inList(names)}`,
  )
}

/** Of a folder to which a stitched model was exported; undefined of any other. */
const exportedModel = (folder: string): RunnableModel | undefined => {
  const config = join(folder, 'config.json')
  const json = existsSync(config) ? readJsonObject(config) : {}
  if (!isDescription(json)) return undefined
  const { plan, preprocessing, classNames, descendant } = parseDescription(json, config)
  const { mean, std, crop, interpolation } = preprocessing
  const values = readTensors(join(folder, 'model.safetensors'), tensorsOfPlan(plan), `the model of ${config}`)
  return runnable(plan, values, {
    mean,
    std,
    ...(crop !== undefined && { crop }),
    ...(interpolation !== undefined && { interpolation }),
    ...(classNames && { classNames }),
    ...(descendant && { descendant }),
  })
}

/**
 * Opens the model at `path` (a file or folder of weights as in docs/pretrained.md) or, of a folder that a stage stitch,
 * single or pool left, one descendant. Throws a ModelFileError or a SafetensorsError where it is no such thing, is
 * damaged, or where there is no such descendant.
 */
export const openRunnable = (path: string, wish?: DescendantWish): RunnableModel => {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  if (isFolder && existsSync(join(path, 'grid.json'))) {
    return inStitchedPool({ files: filesBelow(path), summary: {} }, path, wish)
  }
  if (wish === undefined) return (isFolder ? exportedModel(path) : undefined) ?? wholeModel(weightFiles(path))
  if (isFolder && existsSync(join(path, 'students'))) return inPool(path, wish)
  if (!existsSync(path)) throw new ModelFileError(`${path}: there is no such file or folder`)
  throw new ModelFileError(`${path}: is one model, not a pool: it has no descendant '${wish}'`)
}
