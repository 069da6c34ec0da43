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
  /**
   * A distillation token beside the cls token (DeiT, arXiv 2012.12877). With `twoHeads` it has a head of its own, and
   * the logits are the mean of both heads'; with `oneHead` the head reads the cls token alone. Left out: there is none.
   */
  readonly distillation?: 'twoHeads' | 'oneHead'
  /** Whether each residual branch is multiplied by a learned vector before it is added (CaiT, arXiv 2103.17239). */
  readonly layerScale?: true
  /** `false`: patches alone have positions, the cls token has none (DeiT-III, arXiv 2204.07118). */
  readonly clsPosition?: false
  /**
   * `mean`: the head reads the mean of the patches' tokens, normalised after it is taken (timm's `global_pool='avg'`).
   * Left out: the cls token.
   */
  readonly pooling?: 'mean'
  /** `false`: queries, keys and values have no bias. */
  readonly qkvBias?: false
}

/** What a definition writes of a model; sizes that follow from the data are not among it. */
export const SHAPE_FIELDS = [
  'embedDim',
  'depth',
  'numHeads',
  'patchSize',
  'mlpRatio',
  'layerNormEps',
  'distillation',
  'layerScale',
  'clsPosition',
  'pooling',
  'qkvBias',
] as const satisfies readonly (keyof VitConfig)[]

/** What a VitConfig says beside sizes: a field that is left out means the plain model's. */
type VitVariant = Pick<VitConfig, 'distillation' | 'layerScale' | 'clsPosition' | 'pooling' | 'qkvBias'>

/** The same with nothing left out. */
export interface VitVariantParams {
  readonly distillation: 'twoHeads' | 'oneHead' | 'none'
  readonly layerScale: boolean
  readonly clsPosition: boolean
  readonly pooling: 'cls' | 'mean'
  readonly qkvBias: boolean
}

/** The plain model's fields are left out, so that it has one spelling, and one fingerprint. */
export const variantOf = (variant: VitVariantParams): VitVariant => ({
  ...(variant.distillation !== 'none' && { distillation: variant.distillation }),
  ...(variant.layerScale && { layerScale: true }),
  ...(!variant.clsPosition && { clsPosition: false }),
  ...(variant.pooling !== 'cls' && { pooling: variant.pooling }),
  ...(!variant.qkvBias && { qkvBias: false }),
})

/** Tokens before those of the patches: cls, and with it the distillation token. */
export const prefixTokens = ({ distillation }: VitVariant): number => (distillation === undefined ? 1 : 2)

type Patches = Pick<VitConfig, 'imageSize' | 'patchSize'>

const numPatches = ({ imageSize, patchSize }: Patches): number => (imageSize / patchSize) ** 2

/** Tokens of one image, N + 1: the patches and the cls token; with a distillation token N + 2. */
export const numTokens = (config: Patches & Pick<VitConfig, 'distillation'>): number =>
  numPatches(config) + prefixTokens(config)

/** Tokens that have a position: all, or those of the patches. */
export const numPositions = (config: VitConfig): number =>
  config.clsPosition === false ? numPatches(config) : numTokens(config)

/** Linear layers from a token to the logits. */
export const numHeadLayers = ({ distillation }: VitVariant): number => (distillation === 'twoHeads' ? 2 : 1)

/** How weights start: truncated normal with a fixed std, or Xavier uniform scaled by `gain`. */
export type WeightStart =
  { readonly type: 'truncatedNormal'; readonly std: number } | { readonly type: 'xavierUniform'; readonly gain: number }
