/**
 * Starts of stitch layers from the matrices that distillation learned (docs/method.md, section 4): `learned` and
 * `composed`.
 */
import type { StitchParams } from '../../dsl/nodes.js'
import type { StitchPosition } from '../../dsl/grid.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import type { InputArtifact } from '../../runtime/stage-contract.js'
import { ModelFileError } from '../model/model-file-error.js'
import { readTensors, type StoredModel } from '../model/model-files.js'
import { describeSafetensors } from '../tensors/safetensors.js'
import { type Transform, transformTensors } from '../training/feature-matching.js'
import { type Affine, affineOf, compose, meanAffine, pseudoInverse, transposeAffine, withoutBias } from './affine.js'

/** The matrices that a student learned in its distillation: in each direction one for every position, or none. */
export interface StudentMatrices {
  readonly config: VitConfig
  /** Blocks that were compared with the teacher's, ascending. */
  readonly positions: readonly number[]
  /** From the teacher's feature `[D]` to the output of the student's block `[d]`. */
  readonly map: readonly Affine[]
  /** From the output of the student's block to the teacher's feature. */
  readonly reverse: readonly Affine[]
}

const TRANSFORMS = ['att', 'map', 'reverseAtt', 'reverse'] as const satisfies readonly Transform[]

const isBlocks = (value: unknown, depth: number): value is readonly number[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((block: unknown) => Number.isInteger(block) && (block as number) >= 0 && (block as number) < depth)

/** Reads `students/<name>/transforms.safetensors` of a pool. Throws a ModelFileError where the student has none. */
export const openMatrices = (
  pool: InputArtifact,
  name: string,
  { config, metadata }: Pick<StoredModel, 'config' | 'metadata'>,
  teacherWidth: number,
): StudentMatrices => {
  const path = pool.files[`students/${name}/transforms.safetensors`]
  const positions: unknown = metadata['positions']
  if (path === undefined || !isBlocks(positions, config.depth)) {
    throw new ModelFileError(`the pool's student ${name} has no learned matrices, so no stitch can start from them`)
  }
  const width = config.embedDim
  const stored = describeSafetensors(path).tensors
  const transforms = TRANSFORMS.filter((transform) => stored.has(`${transform}.0.weight`))
  const tensors = transforms.flatMap((transform) => transformTensors(transform, positions.length, width, teacherWidth))
  const values = readTensors(path, tensors, `the student ${name}`)
  const all = (transform: Transform, out: number, inner: number): readonly Affine[] =>
    transforms.includes(transform) ? positions.map((_, p) => affineOf(values, `${transform}.${p}`, out, inner)) : []
  return {
    config,
    positions,
    map: all('map', width, teacherWidth),
    reverse: all('reverse', teacherWidth, width),
  }
}

/** The students of one ordered pair and the stitch positions between them. */
interface MatrixPair {
  readonly front: StudentMatrices
  readonly end: StudentMatrices
  readonly positions: readonly StitchPosition[]
}

export type MatrixStart = Pick<StitchParams, 'matrices' | 'inverse'>

/**
 * How deep each stitch layer lies, as a share of a model's blocks. At position (j, k) the front has run j + 1 of its
 * blocks, and the end goes on as if it had run k of its own. A layer's depth is the mean of these two shares, averaged
 * over its positions.
 */
export const layerDepths = (
  positions: readonly StitchPosition[],
  frontDepth: number,
  endDepth: number,
): readonly number[] => {
  const depths: number[][] = []
  for (const { front, end, layer } of positions) {
    depths[layer] ??= []
    depths[layer].push(((front + 1) / frontDepth + end / endDepth) / 2)
  }
  return depths.map((of) => of.reduce((sum, depth) => sum + depth, 0) / of.length)
}

/**
 * Index of the student's loss position nearest to this depth; of two equally near ones the first. Both sides of a layer
 * use the same depth, so that students which were compared at the same depths meet at the same feature of their
 * teacher.
 */
export const nearestPosition = ({ positions, config }: StudentMatrices, depth: number): number => {
  const distances = positions.map((block) => Math.abs((block + 1) / config.depth - depth))
  const least = Math.min(...distances)
  // Depths are sums of fractions: those that differ by a rounding only are equal.
  return distances.findIndex((distance) => distance < least + 1e-9)
}

/** One map for every layer of a pair. */
const perLayer = (
  { front, end, positions }: MatrixPair,
  { matrices }: Pick<MatrixStart, 'matrices'>,
  layerMap: (pick: (student: StudentMatrices, maps: readonly Affine[]) => Affine) => Affine,
): readonly Affine[] => {
  const depths = layerDepths(positions, front.config.depth, end.config.depth)
  if (matrices === 'nearest') {
    return depths.map((depth) => layerMap((student, maps) => maps[nearestPosition(student, depth)]))
  }
  const same = layerMap((_, maps) => meanAffine(maps))
  return depths.map(() => same)
}

/** Turns matrices round so that they lead the other way, each once. */
const turner = ({ inverse }: Pick<MatrixStart, 'inverse'>) => {
  const known = new Map<Affine, Affine>()
  return (map: Affine): Affine => {
    const turned = known.get(map) ?? (inverse === 'transpose' ? transposeAffine(map) : pseudoInverse(map))
    known.set(map, turned)
    return turned
  }
}

/**
 * The paper's start, front → teacher → end. A student as wide as the teacher stands for the teacher itself, on either
 * side, and its own matrices take no part.
 *
 * - Front → teacher, `transpose`: the front's map matrix transposed. The layer's bias is zero, whatever the matrices'
 *   are.
 * - Front → teacher, `pseudoInverse`: of the front's map f = M·t + c the shortest t that gives f back, M⁺·f − M⁺·c.
 *   Biases are kept on both sides.
 * - Teacher → end: the end's map matrix. So a stitch from wide to narrow, out of a front as wide as the teacher,
 *   starts as the narrow student's map itself.
 * - A student that was distilled towards its teacher (`transforms: 'toTeacher'`) has matrices of the other direction:
 *   of a front they serve as they are, bias and all, and of an end they are turned round.
 */
export const learnedMaps = (pair: MatrixPair, teacherWidth: number, start: MatrixStart): readonly Affine[] => {
  const { front, end } = pair
  const stands = ({ config }: StudentMatrices): boolean => config.embedDim === teacherWidth
  const turn = turner(start)
  return perLayer(pair, start, (pick) => {
    const back = (): Affine => (front.map.length > 0 ? turn(pick(front, front.map)) : pick(front, front.reverse))
    const forward = (): Affine => {
      if (end.map.length === 0) return turn(pick(end, end.reverse))
      const map = pick(end, end.map)
      return start.inverse === 'transpose' ? withoutBias(map) : map
    }
    if (stands(front)) return forward()
    return stands(end) ? back() : compose(forward(), back())
  })
}

/**
 * Through the teacher by two learned matrices: the front's own one towards the teacher, then the end's from it, biases
 * included; in either direction, whatever the widths. An end that learned matrices towards the teacher alone
 * (`transforms: 'toTeacher'`) is entered through their pseudo-inverse.
 */
export const composedMaps = (pair: MatrixPair, start: Pick<MatrixStart, 'matrices'>): readonly Affine[] => {
  const { front, end } = pair
  const entries = end.map.length > 0 ? end.map : end.reverse.map(pseudoInverse)
  return perLayer(pair, start, (pick) => compose(pick(end, entries), pick(front, front.reverse)))
}
