/**
 * What a frozen teacher says of a batch. It sees the same images every epoch, so where its answers for the whole training
 * split fit into memory they are computed once, in the split's own order; a resumed stage computes the same ones.
 */
import type * as tf from '@tensorflow/tfjs'
import * as Effect from 'effect/Effect'
import { numTokens, type VitConfig } from '../../dsl/vit-config.js'
import type { CompiledFunction, Engine, HostArray } from '../../engine/engine.js'
import type { StageError } from '../../runtime/errors.js'
import type { Progress } from '../../runtime/stage-contract.js'
import { attemptAsync } from '../attempt-async.js'
import { pixelSpec, stretches } from '../data/batches.js'
import type { Split } from '../data/dataset.js'
import { layoutOf, pack, slices } from '../model/layout.js'
import type { Arrays, Specs } from './train-step.js'
import { sizeOf, vitTensors, type Values } from '../model/vit-params.js'
import { vit, vitLogits } from '../model/vit.js'

/** Bytes of a teacher's answers that are kept. */
const BUDGET = 512 * 2 ** 20

export interface Teacher {
  readonly config: VitConfig
  readonly values: Values
}

/** Blocks, 0-based, whose features are asked for; the logits always are. */
export interface Wanted {
  readonly att: readonly number[]
  readonly map: readonly number[]
}

/** Answers to the images at these indices, named as in `teacherSpecs`. */
export type TeacherOutputs = (indices: Int32Array) => Promise<Arrays>

/** `teacher.logits` `[B, C]`; `teacher.att.<block>` and `teacher.map.<block>` `[B, T, D]`. */
export const teacherSpecs = (config: VitConfig, { att, map }: Wanted, batch: number): Specs => {
  const feature = { shape: [batch, numTokens(config), config.embedDim], dtype: 'float32' } as const
  return {
    'teacher.logits': { shape: [batch, config.numClasses], dtype: 'float32' },
    ...Object.fromEntries(att.map((block) => [`teacher.att.${block}`, feature])),
    ...Object.fromEntries(map.map((block) => [`teacher.map.${block}`, feature])),
  }
}

const compileTeacher = (engine: Engine, config: VitConfig, wanted: Wanted, batch: number) => {
  const layout = layoutOf(vitTensors(config))
  return engine.compile(
    'teacher',
    ({ theta, pixels }) => {
      const params = slices(layout, theta as tf.Tensor1D)
      if (wanted.att.length + wanted.map.length === 0) {
        return { 'teacher.logits': vitLogits(params, config, pixels as tf.Tensor4D) }
      }
      const { blocks, logits } = vit(params, config, pixels as tf.Tensor4D)
      const outputs: Record<string, tf.Tensor> = { 'teacher.logits': logits }
      for (const block of wanted.att) outputs[`teacher.att.${block}`] = blocks[block].att
      for (const block of wanted.map) outputs[`teacher.map.${block}`] = blocks[block].map
      return outputs
    },
    { theta: { shape: [layout.size], dtype: 'float32' }, pixels: pixelSpec(config, batch) },
  )
}

interface Answering {
  readonly run: (indices: Int32Array) => Promise<Record<string, HostArray>>
  readonly compiled: CompiledFunction
}

/** Answers for every image of the split, one long array an output. */
const answerAll = Effect.fnUntraced(function* (
  { run }: Answering,
  rowSizes: ReadonlyMap<string, number>,
  count: number,
  batch: number,
  progress: (progress: Progress) => void,
): Effect.fn.Return<ReadonlyMap<string, Float32Array>, StageError> {
  const answers = new Map([...rowSizes].map(([name, size]) => [name, new Float32Array(count * size)]))
  const parts = stretches(count, batch)
  for (const [index, { indices, rows }] of parts.entries()) {
    const outputs = yield* attemptAsync(() => run(indices))
    for (const [name, answer] of answers) {
      const size = rowSizes.get(name) ?? 0
      answer.set((outputs[name] as Float32Array).subarray(0, rows * size), index * batch * size)
    }
    progress({ phase: 'teacher', step: index + 1, steps: parts.length, images: Math.min(count, (index + 1) * batch) })
    yield* Effect.yieldNow
  }
  return answers
})

/**
 * Compiles the teacher for batches of `batch` images of the split. With more than one epoch, and where they fit, all
 * answers are computed first.
 */
export const teacherOutputs = Effect.fnUntraced(function* (
  engine: Engine,
  { config, values }: Teacher,
  wanted: Wanted,
  split: Split,
  train: { readonly batchSize: number; readonly epochs: number },
  progress: (progress: Progress) => void,
): Effect.fn.Return<TeacherOutputs, StageError> {
  const batch = train.batchSize
  const compiled = yield* attemptAsync(() => compileTeacher(engine, config, wanted, batch))
  const theta = pack(layoutOf(vitTensors(config)), values)
  const pixels = new Float32Array(sizeOf(pixelSpec(config, batch).shape))
  const labels = new Int32Array(batch)
  const run = (indices: Int32Array) => {
    split.gather(indices, pixels, labels)
    return compiled.run({ theta, pixels })
  }
  const specs = Object.entries(teacherSpecs(config, wanted, batch))
  const rowSizes = new Map(specs.map(([name, { shape }]) => [name, sizeOf(shape) / batch]))
  const perImage = [...rowSizes.values()].reduce((sum, size) => sum + 4 * size, 0)
  if (train.epochs < 2 || perImage * split.count > BUDGET) return run

  const answers = yield* answerAll({ run, compiled }, rowSizes, split.count, batch, progress)
  yield* attemptAsync(() => compiled.release())
  return async (indices) => {
    const rows: Record<string, Float32Array> = {}
    for (const [name, answer] of answers) {
      const size = rowSizes.get(name) ?? 0
      rows[name] = new Float32Array(indices.length * size)
      indices.forEach((image, row) => rows[name].set(answer.subarray(image * size, (image + 1) * size), row * size))
    }
    return rows
  }
})
