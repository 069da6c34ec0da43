/**
 * The outputs of a frozen teacher for a batch. Without augmentation it sees the same images every epoch, so its outputs
 * for the whole training split are computed once, in the split's own order, where they fit into memory; a resumed stage
 * computes the same. Augmented images never come again: their outputs are computed batch by batch.
 */
import type * as tf from '@tensorflow/tfjs-core'
import * as Effect from 'effect/Effect'
import type { TrainParams } from '../../dsl/nodes.js'
import { numTokens, prefixTokens, type VitConfig } from '../../dsl/vit-config.js'
import type { Engine, HostArrays, TensorSpecs } from '../../engine/engine.js'
import { sizeOfShape } from '../../engine/host-values.js'
import { attemptAsync, type StageError } from '../../runtime/errors.js'
import type { Progress } from '../../runtime/stage-contract.js'
import { pixelSpec, type Split } from '../data/dataset.js'
import { compileForward, overSplit, type Forward } from '../model/forward.js'
import { layoutOf, pack, slices, type NamedValues } from '../tensors/named-tensors.js'
import { commonTokens, vitForward, vitLogits, vitTensors } from '../model/vit.js'

/** Bytes of a teacher's outputs that are kept in memory by default: 512 MiB. */
const BUDGET = 512 * 2 ** 20

/** A model that teaches, frozen. */
export interface Teacher {
  readonly config: VitConfig
  readonly values: NamedValues
}

/** The blocks, 0-based, whose features are wanted beside the logits. */
export interface WantedFeatures {
  readonly att: readonly number[]
  readonly map: readonly number[]
  /** Whether features are those of the tokens that all models of these patches have. Default: of all tokens. */
  readonly commonTokens?: boolean
}

/**
 * The teacher's outputs for a batch of images, named as in `teacherSpecs`; the call after the next one uses the same
 * arrays. `pixels` `[B, h, w, c]` is the batch as the student sees it, and must be given where training augments;
 * elsewhere it is the split's own images at these indices and may be left out. It must not change until the promise
 * ends.
 */
export type TeacherOutputs = (indices: Int32Array, pixels?: Float32Array) => Promise<HostArrays>

/** `teacher.logits` `[B, C]`; `teacher.att.<block>` and `teacher.map.<block>` `[B, T, D]`. */
export const teacherSpecs = (
  config: VitConfig,
  { att, map, ...wanted }: WantedFeatures,
  batch: number,
): TensorSpecs => {
  const tokens = numTokens(config) - (wanted.commonTokens ? prefixTokens(config) - 1 : 0)
  const feature = { shape: [batch, tokens, config.embedDim], dtype: 'float32' } as const
  return {
    'teacher.logits': { shape: [batch, config.numClasses], dtype: 'float32' },
    ...Object.fromEntries(att.map((block) => [`teacher.att.${block}`, feature])),
    ...Object.fromEntries(map.map((block) => [`teacher.map.${block}`, feature])),
  }
}

/**
 * Compiled for half a batch where that is whole, on any machine: two threads then share a batch, and the result is the
 * same with one.
 */
const compileTeacher = (
  engine: Engine,
  { config, values }: Teacher,
  wanted: WantedFeatures,
  batch: number,
): Promise<Forward> => {
  const layout = layoutOf(vitTensors(config))
  return compileForward(engine, {
    label: 'teacher',
    config,
    batch: batch % 2 === 0 ? batch / 2 : batch,
    fixed: { theta: pack(layout, values) },
    fn: (pixels, { theta }) => {
      const params = slices(layout, theta)
      if (wanted.att.length + wanted.map.length === 0) return { 'teacher.logits': vitLogits(params, config, pixels) }
      const { blocks, logits } = vitForward(params, config, pixels)
      const outputs: Record<string, tf.Tensor> = { 'teacher.logits': logits }
      const feature = (x: tf.Tensor3D) => (wanted.commonTokens ? commonTokens(config, x) : x)
      for (const block of wanted.att) outputs[`teacher.att.${block}`] = feature(blocks[block].att)
      for (const block of wanted.map) outputs[`teacher.map.${block}`] = feature(blocks[block].map)
      return outputs
    },
  })
}

/** Copies the first `rows` rows of outputs into longer arrays of the same names, from row number `from` on. */
const copyRows = (
  outputs: HostArrays,
  into: ReadonlyMap<string, Float32Array>,
  rowSizes: ReadonlyMap<string, number>,
  from: number,
  rows: number,
): void => {
  for (const [name, all] of into) {
    const size = rowSizes.get(name) ?? 0
    all.set((outputs[name] as Float32Array).subarray(0, rows * size), from * size)
  }
}

/**
 * Compiles the teacher for batches of `batchSize` images of the split. All outputs are computed first where there is
 * more than one epoch, nothing is augmented and `budget` bytes hold them. Either way they are the same to the last bit:
 * every call has the same shape, and its rows do not depend on one another.
 */
export const teacherOutputs = Effect.fnUntraced(function* (
  engine: Engine,
  teacher: Teacher,
  wanted: WantedFeatures,
  split: Split,
  train: Pick<TrainParams, 'batchSize' | 'epochs'> & Partial<Pick<TrainParams, 'augment'>>,
  progress: (progress: Progress) => void,
  budget = BUDGET,
): Effect.fn.Return<TeacherOutputs, StageError> {
  const { batchSize, epochs } = train
  const augmented = (train.augment ?? null) !== null
  const forward = yield* attemptAsync(() => compileTeacher(engine, teacher, wanted, batchSize))
  const specs = Object.entries(teacherSpecs(teacher.config, wanted, batchSize))
  const rowSizes = new Map(specs.map(([name, { shape }]) => [name, sizeOfShape(shape) / batchSize]))
  const arraysFor = (count: number) =>
    new Map([...rowSizes].map(([name, size]) => [name, new Float32Array(count * size)]))
  const imageSize = sizeOfShape(pixelSpec(teacher.config, 1).shape)
  const perImage = [...rowSizes.values()].reduce((sum, size) => sum + 4 * size, 0)
  if (augmented || epochs < 2 || perImage * split.count > budget) {
    const sets = [arraysFor(batchSize), arraysFor(batchSize)] as const
    let calls = 0
    return async (indices, pixels) => {
      if (augmented && pixels === undefined)
        throw new TypeError('the teacher is asked about augmented images without them')
      const answers = sets[calls++ % 2]
      const starts = Array.from({ length: batchSize / forward.batch }, (_, part) => part * forward.batch)
      const ask = async (from: number, slot: number): Promise<void> => {
        const outputs =
          pixels === undefined
            ? await forward.run(slot, split, indices.subarray(from, from + forward.batch))
            : await forward.runOn(slot, pixels.subarray(from * imageSize, (from + forward.batch) * imageSize))
        copyRows(outputs, answers, rowSizes, from, forward.batch)
      }
      if (forward.slots > 1) await Promise.all(starts.map(ask))
      else for (const from of starts) await ask(from, 0)
      return Object.fromEntries(answers)
    }
  }
  const answers = arraysFor(split.count)
  const steps = Math.ceil(split.count / forward.batch)
  yield* overSplit(forward, split, split.count, (outputs, from, rows) => {
    copyRows(outputs, answers, rowSizes, from, rows)
    progress({ phase: 'teacher', step: from / forward.batch + 1, steps, images: from + rows })
  })
  yield* attemptAsync(() => forward.release())
  const sets = [arraysFor(batchSize), arraysFor(batchSize)] as const
  let calls = 0
  return async (indices) => {
    const drawn = sets[calls++ % 2]
    for (const [name, rows] of drawn) {
      const size = rowSizes.get(name) ?? 0
      const answer = answers.get(name)!
      indices.forEach((image, row) => rows.set(answer.subarray(image * size, (image + 1) * size), row * size))
    }
    return Object.fromEntries(drawn)
  }
})
