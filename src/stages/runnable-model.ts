/**
 * A model that stands alone: the tensors that it runs, and no others, with its forward pass. Whole models come from
 * weights of any supported library, descendants from the folder of a stitched pool, its members from a pool's.
 */
import type * as tf from '@tensorflow/tfjs-core'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { sentenceOf } from '../base/errors.js'
import { nearest } from '../dsl/names.js'
import type { VitConfig } from '../dsl/vit-config.js'
import { StageError } from '../runtime/errors.js'
import { ModelFileError } from './model/model-file-error.js'
import { normalisationOf } from './model/normalisation.js'
import { vitLogits } from './model/vit.js'
import { descendantName, type DescendantPath, type PoolGrid, runsFinalNorm, tensorsOnPaths } from './stitching/grid.js'
import { openStitchedPool, type StitchedPool } from './stitching/stitched-pool.js'
import { stitchedVit } from './stitching/stitched-vit.js'
import type { NamedTensors, NamedValues, TensorDefinition } from './tensors/named-tensors.js'
import { SafetensorsError } from './tensors/safetensors.js'
import { readWeights, tensorsOfWeights } from './weights/read-weights.js'
import { weightFiles } from './weights/weight-files.js'
import type { Preprocessing } from './weights/weight-format.js'

/** Which descendant of a pool is meant: its number in its grid, or its name (`->` may stand for `→`). */
export type DescendantWish = number | string

/** Neighbouring blocks of one model, `first` to `last`, and the stitch layer before them, where there is one. */
interface RunSegment {
  readonly config: VitConfig
  readonly first: number
  readonly last: number
  /** What its tensors' names begin with: `tiny.`, or nothing. */
  readonly prefix: string
  readonly stitch: string | null
}

/** What a descendant is in its pool. */
export interface DescendantIdentity {
  readonly id: number
  /** `tiny`, or `tiny[0..2]→base[3..5]`. */
  readonly name: string
}

export interface RunnableModel extends Preprocessing {
  /** Its shape; of a stitched one, that of the model that it ends in. */
  readonly config: VitConfig
  readonly classNames?: readonly string[]
  readonly descendant?: DescendantIdentity
  /** What it runs, in order. */
  readonly segments: readonly RunSegment[]
  /** Whether the last LayerNorm runs before the head. */
  readonly finalNorm: boolean
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
  const written = String(wish).replaceAll(/\s/g, '').replaceAll('->', '→')
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

const prefixed = (prefix: string, names: readonly TensorDefinition[]): readonly TensorDefinition[] =>
  names.map((tensor) => ({ ...tensor, name: prefix + tensor.name }))

const logitsOf =
  (grid: PoolGrid, path: DescendantPath, prefixes: readonly string[]): RunnableModel['logits'] =>
  (params, pixels) => {
    const models = prefixes.map((prefix) =>
      Object.fromEntries(
        Object.entries(params).flatMap(([name, tensor]) =>
          name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [],
        ),
      ),
    )
    return stitchedVit(models, params, grid, path, pixels)
  }

/** One descendant of an open pool. Throws a ModelFileError where there is no such one. */
export const descendantOf = (pool: StitchedPool, wish: DescendantWish | undefined): RunnableModel => {
  const { names, grid, groups, described } = pool
  const at = descendantAt(pool, wish)
  const path = grid.paths[at]
  const used = tensorsOnPaths([path], grid)
  const isAlone = path.length === 1
  const prefixes = names.map((name) => (isAlone ? '' : `${name}.`))
  const own = used.models.flatMap((tensors, model) => prefixed(prefixes[model], tensors))
  const values = [...used.models, used.stitches].flatMap((tensors, group) =>
    tensors.map(({ name }) => [(prefixes[group] ?? '') + name, groups[group].values[name]] as const),
  )
  const end = path.at(-1)!
  return {
    config: grid.configs[end.model],
    ...normalisationOf(path.map(({ model }) => described[model])),
    descendant: { id: grid.descendants[at].id, name: descendantName(names, path) },
    segments: path.map(({ model, first, last, stitch }) => ({
      config: grid.configs[model],
      first,
      last,
      prefix: prefixes[model],
      stitch,
    })),
    finalNorm: runsFinalNorm(path, grid),
    tensors: [...own, ...used.stitches],
    values: Object.fromEntries(values),
    logits: logitsOf(grid, path, prefixes),
  }
}

const wholeModel = (path: string): RunnableModel => {
  const { config, values, mean, std, crop, interpolation, classNames } = readWeights(weightFiles(path))
  return {
    config,
    ...(mean && { mean }),
    ...(std && { std }),
    ...(crop !== undefined && { crop }),
    ...(interpolation !== undefined && { interpolation }),
    ...(classNames && { classNames }),
    segments: [{ config, first: 0, last: config.depth - 1, prefix: '', stitch: null }],
    finalNorm: true,
    tensors: tensorsOfWeights(config),
    values,
    logits: (params, pixels) => vitLogits(params, config, pixels),
  }
}

/** All files below, by their path inside. */
const filesBelow = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(folder, path).replaceAll('\\', '/'), path]),
  )

const inStitchedPool = (folder: string, wish: DescendantWish | undefined): RunnableModel => {
  try {
    return descendantOf(openStitchedPool({ files: filesBelow(folder), summary: {} }), wish)
  } catch (cause) {
    // What is no grid may be anything at all.
    const isTold = cause instanceof ModelFileError || cause instanceof StageError || cause instanceof SafetensorsError
    const what = isTold ? sentenceOf(cause) : `grid.json describes no stitched pool: ${sentenceOf(cause)}`
    throw new ModelFileError(what.startsWith(folder) ? what : `${folder}: ${what}`, { cause })
  }
}

/** A member of a pool that is not stitched. */
const inPool = (folder: string, wish: DescendantWish): RunnableModel => {
  const names = readdirSync(join(folder, 'students')).sort()
  if (names.includes(String(wish))) return wholeModel(join(folder, 'students', String(wish)))
  throw new ModelFileError(
    `${folder}: there is no model '${wish}' in this pool, which is not stitched; it holds ${inList(names)}`,
  )
}

/**
 * Opens the model at `path` (a file or folder of weights as in docs/pretrained.md) or, of a folder that a stage stitch,
 * single or pool left, one descendant. Throws a ModelFileError or a SafetensorsError where it is no such thing, is
 * damaged, or where there is no such descendant.
 */
export const openRunnable = (path: string, wish?: DescendantWish): RunnableModel => {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  if (isFolder && existsSync(join(path, 'grid.json'))) return inStitchedPool(path, wish)
  if (wish === undefined) return wholeModel(path)
  if (isFolder && existsSync(join(path, 'students'))) return inPool(path, wish)
  if (!existsSync(path)) throw new ModelFileError(`${path}: there is no such file or folder`)
  throw new ModelFileError(`${path}: is one model, not a pool: it has no descendant '${wish}'`)
}
