/** A vision transformer's shape, completely spelt out: what a checkpoint's `config.json` holds. */
export interface VitConfig {
  /** Pixels a side; images are square. */
  readonly imageSize: number
  /** Pixels a side of a patch; divides `imageSize`. */
  readonly patchSize: number
  readonly channels: number
  readonly numClasses: number
  /** Width d of a token. */
  readonly embedDim: number
  /** Number of blocks L. */
  readonly depth: number
  /** Attention heads; divides `embedDim`. */
  readonly numHeads: number
  /** Width of the MLP's hidden layer over `embedDim`. */
  readonly mlpRatio: number
  readonly layerNormEps: number
}

/** Tokens of one image, N + 1: the patches and the cls token. */
export const numTokens = (config: VitConfig): number => (config.imageSize / config.patchSize) ** 2 + 1

/** How weights start: truncated normal with a fixed std, or Xavier uniform scaled by `gain`. */
export type WeightStart =
  { readonly type: 'truncatedNormal'; readonly std: number } | { readonly type: 'xavierUniform'; readonly gain: number }
