/** A model from disk on an engine, ready to answer: what src/load-model.ts imports when the first model is loaded. */
import type * as tf from '@tensorflow/tfjs-core'
import { existsSync } from 'node:fs'
import type { VitConfig } from '../dsl/vit-config.js'
import { openEngine } from '../engine/choice/open.js'
import type { CompiledFunction } from '../engine/engine.js'
import type { EngineOptions } from '../engine/request.js'
import { pixelSpec } from './data/dataset.js'
import { ModelFileError } from './model/model-file-error.js'
import { openOnnxFile } from '../engine/onnx/model-file.js'
import type { LoadedModel } from './model/loaded-model.js'
import { descriptionInTexts } from './weights/exported-model.js'
import { type DescendantWish, openRunnable, type RunnableModel } from './runnable-model.js'
import { shapeOfPlan } from './stitching/run-plan.js'
import { layoutOf, pack, slices } from './tensors/named-tensors.js'

interface LoadOnEngineOptions {
  /** Which model of a pool's folder is meant. */
  readonly descendant?: DescendantWish
  /** Default: `onnxruntime` on `cpu` with one thread. */
  readonly engine?: Partial<EngineOptions>
  /** Images in one call of the engine at most; more are answered one call after another. Default 64. */
  readonly batchSize?: number
}

/** Answers for `rows` images, `[rows, h, w, c]` → `[rows × classes]`. */
type Answer = (pixels: Float32Array, rows: number) => Promise<Float32Array>

/** `logits` of a LoadedModel, some images at a time. */
export const inBatches = (
  { imageSize, channels, numClasses }: Pick<VitConfig, 'imageSize' | 'channels' | 'numClasses'>,
  largest: number,
  answer: Answer,
): LoadedModel['logits'] => {
  const size = imageSize ** 2 * channels
  return async (pixels) => {
    if (!(pixels instanceof Float32Array)) throw new ModelFileError('pixels must be a Float32Array [n, h, w, c]')
    const count = pixels.length / size
    if (!Number.isInteger(count)) {
      throw new ModelFileError(`${pixels.length} pixels are not whole images of ${size}`)
    }
    const result = new Float32Array(count * numClasses)
    for (let from = 0; from < count; from += largest) {
      const rows = Math.min(largest, count - from)
      result.set(await answer(pixels.subarray(from * size, (from + rows) * size), rows), from * numClasses)
    }
    return result
  }
}

/** A file that genepool exported, which ONNX Runtime runs as it is. */
const loadOnnxFile = async (path: string, { engine = {}, batchSize = 64 }: LoadOnEngineOptions) => {
  const { engine: name = 'onnxruntime', device = 'cpu', threads = 1 } = engine
  if (name !== 'onnxruntime' || device !== 'cpu') {
    throw new ModelFileError(
      `${path}: an ONNX file is run by the engine onnxruntime on the cpu, not by ${name} on ${device}`,
    )
  }
  if (!existsSync(path)) throw new ModelFileError(`${path}: there is no such file or folder`)
  const file = await openOnnxFile(path, threads)
  try {
    const { plan, preprocessing, classNames, descendant } = descriptionInTexts(file.metadata, path)
    const config = shapeOfPlan(plan)
    const { mean, std, crop, interpolation } = preprocessing
    return {
      config,
      engine: { engine: name, device, threads },
      mean,
      std,
      ...(crop !== undefined && { crop }),
      ...(interpolation !== undefined && { interpolation }),
      ...(descendant && { descendant }),
      ...(classNames && { classNames }),
      logits: inBatches(config, batchSize, (pixels, rows) => file.run(pixels, pixelSpec(config, rows).shape)),
      release: file.release,
    }
  } catch (cause) {
    await file.release()
    throw cause
  }
}

/**
 * Loads weights in safetensors with the `config.json` beside them: a file, the index of several, or a folder that holds
 * either; written by the stages teacher and distill, by timm or by transformers; or a descendant from the folder of a
 * stage stitch, single or pool; or what was exported, an ONNX file too. Rejects with a ModelFileError where the path or
 * the configuration is missing, where the configuration describes no model, where any tensor is missing, surplus or of
 * another shape, and where the pool has no such descendant.
 */
export const loadOnEngine = async (path: string, options: LoadOnEngineOptions = {}): Promise<LoadedModel> => {
  if (options.descendant === undefined && path.endsWith('.onnx')) return loadOnnxFile(path, options)
  return runOnEngine(openRunnable(path, options.descendant), options)
}

/** The model on an engine. */
export const runOnEngine = async (
  model: RunnableModel,
  options: Omit<LoadOnEngineOptions, 'descendant'> = {},
): Promise<LoadedModel> => {
  const { config, values, mean, std, crop, interpolation, classNames, descendant } = model
  const chosen = { engine: 'onnxruntime', device: 'cpu', threads: 1, ...options.engine } as const
  const engine = await openEngine(chosen)
  const layout = layoutOf(model.tensors)
  const theta = pack(layout, values)
  const largest = options.batchSize ?? 64
  /** By batch size. Sizes are powers of two, up to the largest, so that only a few functions are ever compiled. */
  const compiled = new Map<number, Promise<CompiledFunction>>()
  const compile = (batch: number): Promise<CompiledFunction> => {
    const known =
      compiled.get(batch) ??
      engine.compile(
        `model of ${batch} images`,
        (inputs) => ({
          logits: model.logits(slices(layout, inputs['theta'] as tf.Tensor1D), inputs['pixels'] as tf.Tensor4D),
        }),
        { theta: { shape: [layout.size], dtype: 'float32' }, pixels: pixelSpec(config, batch) },
      )
    compiled.set(batch, known)
    return known
  }

  const size = config.imageSize ** 2 * config.channels
  const answer: Answer = async (pixels, rows) => {
    const batch = Math.min(largest, 2 ** Math.ceil(Math.log2(rows)))
    const { run } = await compile(batch)
    const padded = new Float32Array(batch * size)
    padded.set(pixels)
    const outputs = await run({ theta, pixels: padded })
    return (outputs['logits'] as Float32Array).subarray(0, rows * config.numClasses)
  }
  const { engine: name, device, threads } = chosen
  const told = {
    engine: { engine: name, device, threads },
    ...(descendant && { descendant }),
    ...(mean && { mean }),
    ...(std && { std }),
    ...(crop !== undefined && { crop }),
    ...(interpolation !== undefined && { interpolation }),
    ...(classNames && { classNames }),
  }
  return { config, ...told, logits: inBatches(config, largest, answer), release: () => engine.release() }
}
