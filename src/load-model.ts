/**
 * Loading a trained model from code. Tensors are imported with the first model, so that a definition never loads them.
 */
import type { DeviceWish, EngineWish } from './engine/request.js'
import type { LoadedModel } from './stages/model/loaded-model.js'

export type { LoadedModel } from './stages/model/loaded-model.js'

export interface LoadModelOptions {
  /** Which engine answers. Default `auto`: the fastest one that loads on this machine. */
  readonly engine?: EngineWish
  /** What it computes on. Default `auto`: the fastest device that works; `cuda:1` is the second NVIDIA GPU. */
  readonly device?: DeviceWish
  /** Threads inside one operation; default 1. */
  readonly threads?: number
  /** Images in one call of the engine at most; more are answered one call after another. Default 64. */
  readonly batchSize?: number
  /**
   * Which model of a pool is meant, where `path` is the folder of a stage stitch, single or pool: its id or its name in
   * the table of models (`5`, `'tiny[0..2]→base[3..5]'`; `->` will do for the arrow). Of the stage pool, which holds no
   * stitch layers, a student's name.
   */
  readonly descendant?: number | string
}

/**
 * Loads a model from disk. `path` is a safetensors file (or the index of several) with a `config.json` beside it, or a
 * folder that holds both: a stage's artifact (`genepool show PIPELINE STAGE` names it), a ViT, DeiT or DeiT-III that
 * timm or transformers saved (docs/pretrained.md), `hf:owner/name[@revision]`, which `genepool fetch` has brought, or
 * what `genepool export` wrote, also an ONNX file (docs/export.md). Of the folder of a stitched pool, `descendant`
 * names the model; only the tensors that it runs go to the engine.
 *
 * `logits` of the result takes pixels `[n, h, w, c]`, row-major, normalised as the model was trained (`(x / 255 − mean)
 * / std` with `mean` and `std` of the result), and gives `[n × numClasses]` numbers before any softmax. Call
 * `release` at the end.
 *
 * Rejects with an error that names the file where the configuration is missing, describes no model or does not fit the
 * tensors, with one that names the nearest models where the pool has no such descendant, and with one that says what to
 * do where the engine does not load. The first time that an engine is used on a machine, it is tried in another
 * process.
 */
export const loadModel = async (path: string, options: LoadModelOptions = {}): Promise<LoadedModel> => {
  // ONNX Runtime runs the file itself, on the CPU.
  const [anyEngine, anyDevice] = path.endsWith('.onnx')
    ? (['onnxruntime', 'cpu'] as const)
    : (['auto', 'auto'] as const)
  const { engine: wanted = anyEngine, device: on = anyDevice, threads = 1, batchSize, descendant } = options
  const [{ resolveEngine }, { parseWish }, stages] = await Promise.all([
    import('./engine/choice/resolve.js'),
    import('./engine/choice/wish.js'),
    import('./stages/load-model.js'),
  ])
  const { why: _, ...resolved } = await resolveEngine(parseWish(wanted, on), { toCompute: true })
  return stages.loadOnEngine(path, {
    engine: { ...resolved, threads },
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(descendant === undefined ? {} : { descendant }),
  })
}
