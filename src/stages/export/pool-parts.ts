/**
 * A stitched pool in parts: each embedding, block, stitch layer and end of a model is an ONNX file of its own, so that
 * whoever changes the model loads no weights again, and a browser fetches those alone that are run.
 */
import type * as tf from '@tensorflow/tfjs-core'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PoolFile, PoolPart } from './pool-file.js'
import { numTokens } from '../../dsl/vit-config.js'
import type { TensorSpec, TensorSpecs } from '../../engine/engine.js'
import { exportOnnx } from '../../engine/onnx/export.js'
import { pixelSpec } from '../data/dataset.js'
import { partOfTensor, type VitPart, vitTensors } from '../model/vit.js'
import type { DescendantPath } from '../stitching/grid.js'
import { operationsOf, type StreamOperation } from '../stitching/grid-schedule.js'
import type { StitchedPool } from '../stitching/stitched-pool.js'
import { runOperation } from '../stitching/stitched-vit.js'

/** What one file runs. */
interface Part {
  /** `tiny.embed`, `tiny.blocks.2`, `stitch.0.1`, `base.end`. */
  readonly name: string
  readonly operations: readonly StreamOperation[]
}

/** The parts of a descendant, in order. The last block and the head are one: the head reads few of its tokens. */
export const partsOfPath = ({ names, grid }: StitchedPool, path: DescendantPath): readonly Part[] => {
  const operations = operationsOf(path, grid)
  const nameOf = (operation: StreamOperation): string => {
    if (operation.kind === 'stitch') return operation.name
    const model = names[operation.model]
    if (operation.kind === 'embed') return `${model}.embed`
    if (operation.kind === 'head') return operation.norm ? `${model}.end` : `${model}.end-without-norm`
    return `${model}.blocks.${operation.index}`
  }
  const [last, head] = operations.slice(-2) as [
    Extract<StreamOperation, { kind: 'block' | 'lastBlock' }>,
    StreamOperation,
  ]
  return [
    ...operations.slice(0, -2).map((operation) => ({ name: nameOf(operation), operations: [operation] })),
    { name: nameOf(head), operations: [{ ...last, kind: 'lastBlock' }, head] },
  ]
}

const modelPart = (operation: Exclude<StreamOperation, { kind: 'stitch' }>): VitPart | 'norm and head' => {
  if (operation.kind === 'embed') return 'embed'
  if (operation.kind === 'head') return 'norm and head'
  return `blocks.${operation.index}`
}

/** Names of the tensors that an operation reads, of its model or of the stitch layers. */
const tensorsOf = ({ grid }: StitchedPool, operation: StreamOperation): readonly string[] => {
  if (operation.kind === 'stitch') return [`${operation.name}.weight`, `${operation.name}.bias`]
  const part = modelPart(operation)
  return vitTensors(grid.configs[operation.model])
    .map(({ name }) => name)
    .filter((name) => {
      const own = partOfTensor(name)
      if (part !== 'norm and head') return own === part
      return own === 'head' || (own === 'norm' && operation.kind === 'head' && operation.norm)
    })
}

/** Of a stitch layer: the model whose tokens it reads. */
const frontOf = ({ grid }: StitchedPool, stitch: string): number => {
  const [, pair] = stitch.split('.')
  return grid.pairs[Number(pair)][0]
}

const partBytes = (pool: StitchedPool, { name, operations }: Part): Uint8Array => {
  const { grid, groups } = pool
  const { configs } = grid
  const [first] = operations
  const model = first.kind === 'stitch' ? undefined : first.model
  const values = (model === undefined ? groups.at(-1)! : groups[model]).values
  const shapes = new Map(
    (model === undefined ? groups.at(-1)! : groups[model]).tensors.map(({ name: of, shape }) => [of, shape]),
  )
  const read = operations.flatMap((operation) => tensorsOf(pool, operation))
  const config = configs[first.kind === 'stitch' ? frontOf(pool, first.name) : first.model]
  const tokens = (rows: number): TensorSpec => ({ shape: [rows, numTokens(config), config.embedDim], dtype: 'float32' })
  const output = operations.at(-1)!.kind === 'head' ? 'logits' : 'tokens'
  return exportOnnx({
    label: name,
    fn: ({ pixels, tokens: given, ...params }) => ({
      [output]: operations.reduce<tf.Tensor>(
        (input, operation) =>
          runOperation(
            configs.map(() => params),
            params,
            configs,
            operation,
            input,
          ),
        pixels ?? given,
      ),
    }),
    inputs: (rows): TensorSpecs =>
      first.kind === 'embed' ? { pixels: pixelSpec(config, rows) } : { tokens: tokens(rows) },
    weights: Object.fromEntries(
      read.map((each) => [each, { shape: shapes.get(each)!, values: values[each] }] as const),
    ),
    metadata: {},
  })
}

/** Letters of a file's hash in its name: another file is never taken for one that is kept under its name. */
const hashLetters = 12

/** Writes the parts of these descendants into `parts/` of the folder; gives the parts' files, and each one's parts. */
export const writeParts = (
  folder: string,
  pool: StitchedPool,
  paths: readonly DescendantPath[],
): { readonly parts: PoolFile['parts']; readonly ofPaths: readonly (readonly string[])[] } => {
  mkdirSync(join(folder, 'parts'), { recursive: true })
  const parts = new Map<string, PoolPart>()
  const ofPaths = paths.map((path) =>
    partsOfPath(pool, path).map((part) => {
      if (!parts.has(part.name)) {
        const bytes = partBytes(pool, part)
        const hash = createHash('sha256').update(bytes).digest('hex').slice(0, hashLetters)
        const file = `parts/${part.name.replaceAll(/[^\w.-]/g, '_')}.${hash}.onnx`
        writeFileSync(join(folder, file), bytes)
        parts.set(part.name, { file, bytes: bytes.length })
      }
      return part.name
    }),
  )
  return { parts: Object.fromEntries(parts), ofPaths }
}
