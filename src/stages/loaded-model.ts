/** What loading a model takes and gives; types only, so that naming them loads no tensors. */
import type { VitConfig } from '../dsl/vit-config.js'
import type { EngineRequest } from '../engine/request.js'

export interface LoadModelOptions {
  /** Default: `onnxruntime` on `cpu` with one thread. */
  readonly engine?: Partial<EngineRequest>
  /** Images in one call of the engine at most; more are answered one call after another. Default 64. */
  readonly batchSize?: number
}

export interface LoadedModel {
  readonly config: VitConfig
  /** Normalised pixels `[n, h, w, c]` → logits `[n × numClasses]`, for any n. A ModelFileError for any other length. */
  readonly logits: (pixels: Float32Array) => Promise<Float32Array>
  readonly release: () => Promise<void>
}
