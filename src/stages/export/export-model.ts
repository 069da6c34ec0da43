/**
 * Writes a model for other programs, then reads what it has written and measures that: a file that does not answer as
 * the model does is refused.
 */
import type * as tf from '@tensorflow/tfjs-core'
import { createHash } from 'node:crypto'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Json } from '../../dsl/nodes.js'
import { readWholeFile } from '../../base/files.js'
import { exportOnnx } from '../../engine/onnx/export.js'
import type { WeightPrecision } from '../../engine/onnx/graph/graph.js'
import { StageError } from '../../runtime/errors.js'
import type { InputArtifact } from '../../runtime/stage-contract.js'
import {
  checkImages,
  type Dataset,
  openDataset,
  type Split,
  pixelSpec,
  type SplitName,
  stretches,
} from '../data/dataset.js'
import { loadOnEngine, runOnEngine } from '../load-model.js'
import type { LoadedModel } from '../model/loaded-model.js'
import { ScoreSum, type Scores } from '../model/measure.js'
import { writeJson } from '../model/model-files.js'
import { type DescendantWish, openRunnableIn, type RunnableModel } from '../runnable-model.js'
import { descriptionTexts, type ModelDescription } from '../weights/exported-model.js'
import { writeWeightsFolder } from './weights-folder.js'

export type ExportFormat = 'onnx' | 'safetensors'

export interface ExportOptions {
  readonly format: ExportFormat
  /** In what an ONNX file keeps its matrices; safetensors are `fp32`. */
  readonly precision: WeightPrecision
  /** Empty. */
  readonly folder: string
  readonly dataset: Dataset
  /** The images on which the file is measured, all of them. */
  readonly split: SplitName
  readonly provenance: Readonly<Record<string, Json>>
  readonly progress: (images: number, of: number) => void
  /** Ends the measuring. */
  readonly signal: AbortSignal
}

/** `measured.json`: what was found on the written files, which they do not hold themselves. */
export interface MeasuredExport extends Scores {
  readonly format: ExportFormat
  readonly precision: WeightPrecision
  /** By name. */
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>
  readonly split: SplitName
  readonly images: number
  /** Of a pass of one image on one thread of the CPU. */
  readonly medianMs: number
  /** Between the file's logits and the model's, over the first images of the split. */
  readonly largestDifference: number
}

/** Logits may differ by this share of the largest one, or by as much where none is above 1. */
const TOLERANCE: Readonly<Record<WeightPrecision, number>> = { fp32: 1e-4, fp16: 1e-2, int8: 0.25 }

/** Images on which file and model are compared. */
export const COMPARED = 32

const TIMED_PASSES = 30

export const pixelsOf = async (split: Split, indices: Int32Array, size: number) => {
  const pixels = new Float32Array(indices.length * size)
  const labels = new Int32Array(indices.length)
  await split.gather(indices, pixels, labels)
  return { pixels, labels }
}

/** Throws a StageError where they differ by more than rounding does. */
export const compareLogits = (
  ofFile: Float32Array,
  ofModel: Float32Array,
  precision: WeightPrecision = 'fp32',
): number => {
  const scale = ofModel.reduce((most, logit) => Math.max(most, Math.abs(logit)), 1)
  // What is not a number is as far away as can be.
  const apart = ofFile.reduce((most, logit, at) => {
    const difference = Math.abs(logit - ofModel[at])
    return Number.isNaN(difference) ? Infinity : Math.max(most, difference)
  }, 0)
  if (apart <= TOLERANCE[precision] * scale) return apart
  throw new StageError({
    message: `the file does not answer as the model does: logits differ by ${apart.toPrecision(3)}; it is not kept`,
  })
}

const medianPass = async ({ logits }: LoadedModel, image: Float32Array): Promise<number> => {
  const times: number[] = []
  for (let pass = 0; pass < TIMED_PASSES; pass++) {
    const began = performance.now()
    await logits(image)
    times.push(performance.now() - began)
  }
  return times.sort((a, b) => a - b)[TIMED_PASSES / 2]
}

const filesIn = (folder: string): MeasuredExport['files'] =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => {
        const bytes = readWholeFile(join(folder, name))
        return [name, { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }]
      }),
  )

/**
 * The bytes of an ONNX file, the same for the same model and description: `pixels` `[batch, h, w, c]`, normalised →
 * `logits` `[batch, classes]`.
 */
const onnxBytes = (model: RunnableModel, description: ModelDescription, precision: WeightPrecision): Uint8Array =>
  exportOnnx({
    label: model.descendant?.name ?? 'model',
    fn: ({ pixels, ...params }) => ({ logits: model.logits(params, pixels as tf.Tensor4D) }),
    inputs: (rows) => ({ pixels: pixelSpec(model.config, rows) }),
    weights: Object.fromEntries(
      model.tensors.map(({ name, shape }) => [name, { shape, values: model.values[name] }] as const),
    ),
    precision,
    metadata: descriptionTexts(description),
  })

/** What reads the files again: the onnx file itself, or the folder. */
const writtenPath = (folder: string, format: ExportFormat): string =>
  format === 'onnx' ? join(folder, 'model.onnx') : folder

const describe = (model: RunnableModel, { dataset, provenance }: ExportOptions): ModelDescription => {
  const { config, plan, descendant, classNames, mean, std, crop, interpolation } = model
  const told = { crop: crop ?? dataset.pictures?.crop, interpolation: interpolation ?? dataset.pictures?.interpolation }
  return {
    plan,
    ...(descendant && { descendant }),
    ...(classNames && { classNames }),
    preprocessing: {
      size: config.imageSize,
      channels: config.channels,
      mean: mean ?? dataset.mean,
      std: std ?? dataset.std,
      ...(told.crop !== undefined && { crop: told.crop }),
      ...(told.interpolation !== undefined && { interpolation: told.interpolation }),
    },
    provenance,
  }
}

/**
 * Leaves `model.onnx`, or `model.safetensors` and `config.json`, and `measured.json` in the folder. Rejects with a
 * StageError where the images are not the model's, or the file does not answer as the model does.
 */
export const exportModel = async (model: RunnableModel, options: ExportOptions): Promise<MeasuredExport> => {
  const { format, precision, folder, dataset, split: name, progress, signal } = options
  const { config } = model
  checkImages(config, dataset)
  const split = dataset.split(name)
  const description = describe(model, options)
  if (format === 'onnx') writeFileSync(join(folder, 'model.onnx'), onnxBytes(model, description, precision))
  else writeWeightsFolder(folder, model, description)
  const files = filesIn(folder)

  const size = config.imageSize ** 2 * config.channels
  const first = Int32Array.from({ length: Math.min(COMPARED, split.count) }, (_, index) => index)
  const { pixels } = await pixelsOf(split, first, size)
  const own = await runOnEngine(model)
  const expected = await own.logits(pixels)
  await own.release()

  const written = await loadOnEngine(writtenPath(folder, format))
  try {
    const largestDifference = compareLogits(await written.logits(pixels), expected, precision)
    const medianMs = await medianPass(written, pixels.subarray(0, size))
    const sum = new ScoreSum()
    for (const { indices, rows } of stretches(split.count, Math.min(64, split.count))) {
      signal.throwIfAborted()
      const batch = await pixelsOf(split, indices.subarray(0, rows), size)
      sum.add(await written.logits(batch.pixels), batch.labels, rows, config.numClasses)
      progress(indices[rows - 1] + 1, split.count)
    }
    const measured: MeasuredExport = {
      format,
      precision,
      files,
      split: name,
      images: split.count,
      ...sum.scores(),
      medianMs,
      largestDifference,
    }
    writeJson(join(folder, 'measured.json'), measured)
    return measured
  } finally {
    await written.release()
  }
}

/** Artifacts of stages, and which model of them is meant. */
export interface StoredModelWish {
  readonly model: InputArtifact
  readonly data: InputArtifact
  /** Names the model's artifact in errors. */
  readonly called: string
  readonly descendant?: DescendantWish
}

/** The same for a model in artifacts; gives the descendant's name too, where it is one. */
export const exportStored = async (
  { model: input, data, called, descendant }: StoredModelWish,
  options: Omit<ExportOptions, 'dataset'>,
): Promise<{ readonly name: string | null; readonly measured: MeasuredExport }> => {
  const model = openRunnableIn(input, called, descendant)
  const { mean, std } = model
  const dataset = openDataset(data, mean && std && { mean, std })
  return { name: model.descendant?.name ?? null, measured: await exportModel(model, { ...options, dataset }) }
}
