/** What `loadModel` gives: for those who import this package, who need no types of tensors for it. */
import type { VitConfig } from '../../dsl/vit-config.js'
import type { EngineOptions } from '../../engine/request.js'

/** What a descendant is in its pool. */
export interface DescendantIdentity {
  readonly id: number
  /** `tiny`, or `tiny[0..2]→base[3..5]`. */
  readonly name: string
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
  /** What becomes of pictures before, where its files say so: the share of the side that is kept, and the filter. */
  readonly crop?: number
  readonly interpolation?: string
  /** By class, where its files say so. */
  readonly classNames?: readonly string[]
  /** What computes its answers. */
  readonly engine: Pick<EngineOptions, 'engine' | 'device' | 'threads'>
  /** Normalised pixels `[n, h, w, c]` → logits `[n × numClasses]`, for any n. A ModelFileError for any other length. */
  readonly logits: (pixels: Float32Array) => Promise<Float32Array>
  /** Frees the engine's memory; no answer comes after it. */
  readonly release: () => Promise<void>
}
