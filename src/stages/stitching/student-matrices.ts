/** The matrices that a pooled student learned in its distillation. */
import type { VitConfig } from '../../dsl/vit-config.js'
import type { InputArtifact } from '../../runtime/stage-contract.js'
import { ModelFileError, readTensors, type StoredModel } from '../model/model-files.js'
import { readSafetensors } from '../model/safetensors.js'
import { transformTensors, type Transform } from '../training/transforms.js'
import { affineOf, type Affine } from './affine.js'

/** Of each direction one a position, or none where distillation did not learn it. */
export interface StudentMatrices {
  readonly config: VitConfig
  /** Blocks that were compared with the teacher's, ascending. */
  readonly positions: readonly number[]
  /** The teacher's feature `[D]` → the output of the student's block `[d]`. */
  readonly map: readonly Affine[]
  /** The output of the student's block → the teacher's feature. */
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
  const stored = readSafetensors(path).tensors
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
