/** A model from disk on an engine, ready to answer: what src/load-model.ts imports when the first model is loaded. */
import type * as tf from '@tensorflow/tfjs-core'
import type { VitConfig } from '../dsl/vit-config.js'
import { openEngine } from '../engine/choice/open.js'
import type { CompiledFunction } from '../engine/engine.js'
import type { EngineOptions } from '../engine/request.js'
import { pixelSpec, stretches } from './data/dataset.js'
import { ModelFileError } from './model/model-file-error.js'
import { type DescendantIdentity, type DescendantWish, openRunnable } from './runnable-model.js'
import { layoutOf, pack, slices } from './tensors/named-tensors.js'

interface LoadOnEngineOptions {
  /** Which model of a pool's folder is meant. */
  readonly descendant?: DescendantWish
  /** Default: `onnxruntime` on `cpu` with one thread. */
  readonly engine?: Partial<EngineOptions>
  /** Images in one call of the engine at most; more are answered one call after another. Default 64. */
  readonly batchSize?: number
}

/** A model that answers, until it is released. */
export interface LoadedModel {
  /**
   * Its shape: image size in pixels, channels, classes, width and so on; of a stitched model, that of the one that it
   * ends in.
   */
  readonly config: VitConfig
  /** Its number and name in the grid of the pool that it was loaded from. */
  readonly descendant?: DescendantIdentity
  /** By channel, what its pixels are normalised with, where its files say so: `(x / 255 − mean) / std`. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /** By class, where its files say so. */
  readonly classNames?: readonly string[]
  /** Normalised pixels `[n, h, w, c]` → logits `[n × numClasses]`, for any n. A ModelFileError for any other length. */
  readonly logits: (pixels: Float32Array) => Promise<Float32Array>
  /** Frees the engine's memory; no answer comes after it. */
  readonly release: () => Promise<void>
}

/**
 * Loads weights in safetensors with the `config.json` beside them: a file, the index of several, or a folder that holds
 * either; written by the stages teacher and distill, by timm or by transformers; or a descendant from the folder of a
 * stage stitch, single or pool. Rejects with a ModelFileError where the path or the configuration is missing, where the
 * configuration describes no model, where any tensor is missing, surplus or of another shape, and where the pool has no
 * such descendant.
 */
export const loadOnEngine = async (path: string, options: LoadOnEngineOptions = {}): Promise<LoadedModel> => {
  const model = openRunnable(path, options.descendant)
  const { config, values, mean, std, classNames, descendant } = model
  if (config.numClasses === 0) throw new ModelFileError(`${path}: these weights have no head, so there are no logits`)

  const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1, ...options.engine })
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
  const logits = async (pixels: Float32Array): Promise<Float32Array> => {
    if (!(pixels instanceof Float32Array)) throw new ModelFileError('pixels must be a Float32Array [n, h, w, c]')
    const count = pixels.length / size
    if (!Number.isInteger(count)) {
      throw new ModelFileError(`${pixels.length} pixels are not whole images of ${size}`)
    }
    const result = new Float32Array(count * config.numClasses)
    if (count === 0) return result
    const batch = Math.min(largest, 2 ** Math.ceil(Math.log2(count)))
    const { run } = await compile(batch)
    for (const [part, { rows }] of stretches(count, batch).entries()) {
      const padded = new Float32Array(batch * size)
      padded.set(pixels.subarray(part * batch * size, (part * batch + rows) * size))
      const outputs = await run({ theta, pixels: padded })
      const answer = outputs['logits'] as Float32Array
      result.set(answer.subarray(0, rows * config.numClasses), part * batch * config.numClasses)
    }
    return result
  }
  const told = {
    ...(descendant && { descendant }),
    ...(mean && { mean }),
    ...(std && { std }),
    ...(classNames && { classNames }),
  }
  return { config, ...told, logits, release: () => engine.release() }
}
