import { type DataParams, deepFreeze } from './nodes.js'
import { COUNT, type NumberRule, OptionReader, POSITIVE } from './option-reader.js'
import { type Place, placeOfCall } from './place.js'
import type { VitConfig, WeightStart } from './vit-config.js'

/** Below this width a standard deviation of 0.02 is too small to train from (docs/method.md, section 1). */
const PAPER_WIDTH = 192

/** Reads `weightStart`; by default truncated normal 0.02 from width 192 on, Xavier uniform with gain 1 below. */
export const readWeightStart = (options: OptionReader, embedDim: number): WeightStart => {
  if (!options.has('weightStart')) {
    return embedDim >= PAPER_WIDTH ? { type: 'truncatedNormal', std: 0.02 } : { type: 'xavierUniform', gain: 1 }
  }
  const start = new OptionReader(
    [{ path: options.path('weightStart'), options: options.value('weightStart'), known: ['type', 'std', 'gain'] }],
    options.place,
  )
  const type = start.choice('type', ['truncatedNormal', 'xavierUniform'])
  const stray = type === 'truncatedNormal' ? 'gain' : 'std'
  if (start.has(stray)) start.fail('unknownOption', stray, `does not go with type '${type}': leave it out`)
  return type === 'truncatedNormal'
    ? { type, std: start.number('std', POSITIVE, 0.02) }
    : { type, gain: start.number('gain', POSITIVE, 1) }
}

export interface VitOptions<EmbedDim extends number = number> {
  /** Width d of a token; divisible by `numHeads`. */
  readonly embedDim: EmbedDim
  /** Number of blocks. */
  readonly depth: number
  readonly numHeads: number
  /**
   * Pixels a side of a patch; divides the images' side. Default: the largest divisor up to 16 that leaves at least four
   * patches a side (224 → 16, 28 → 7, 32 → 8).
   */
  readonly patchSize?: number
  /** Hidden width of the MLP over `embedDim`; default 4. */
  readonly mlpRatio?: number
  /** Default 1e-6. */
  readonly layerNormEps?: number
  /** Default: truncated normal 0.02 from width 192 on, Xavier uniform below (docs/method.md, section 1). */
  readonly weightStart?: WeightStart
}

/** A vision transformer as it is written down: what the data set decides is still open. */
export interface VitSpec<EmbedDim extends number = number> {
  readonly kind: 'vit'
  readonly embedDim: EmbedDim
  readonly depth: number
  readonly numHeads: number
  readonly patchSize: number | null
  readonly mlpRatio: number
  readonly layerNormEps: number
  readonly weightStart: WeightStart
}

const divisors = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0)

/** The largest divisor of `imageSize` up to 16 that leaves at least four patches a side. */
export const defaultPatchSize = (imageSize: number): number =>
  divisors(imageSize).findLast((size) => size <= 16 && imageSize / size >= 4) ?? 1

/** Reads `embedDim`, `depth`, `numHeads` and `mlpRatio` and what must hold among them. */
export const readShape = (options: OptionReader, mlpRatioDefault: number) => {
  const embedDim = options.number('embedDim', COUNT)
  const depth = options.number('depth', COUNT)
  const numHeads = options.number('numHeads', COUNT)
  if (embedDim % numHeads !== 0) {
    const fitting = divisors(embedDim).filter((heads) => heads > 1 && heads <= 16)
    const advice = fitting.length === 0 ? 'write 1' : `write a divisor of it (${fitting.join(', ')})`
    options.fail('mismatch', 'numHeads', `is ${numHeads}, which does not divide embedDim ${embedDim}: ${advice}`)
  }
  const wholeHidden: NumberRule = {
    test: (ratio) => ratio > 0 && Number.isInteger(ratio * embedDim),
    words: `a number above 0 that makes mlpRatio · embedDim (${embedDim}) whole, such as 4`,
  }
  return { embedDim, depth, numHeads, mlpRatio: options.number('mlpRatio', wholeHidden, mlpRatioDefault) }
}

/** Refuses a patch size that does not divide the images' side. */
export const checkPatchSize = (options: OptionReader, patchSize: number, imageSize: number): void => {
  if (imageSize % patchSize === 0) return
  const fitting = divisors(imageSize).filter((size) => size < imageSize)
  options.fail(
    'mismatch',
    'patchSize',
    `is ${patchSize}, which does not divide imageSize ${imageSize}: write one of ${fitting.join(', ')}`,
  )
}

export const VIT_OPTIONS = [
  'embedDim',
  'depth',
  'numHeads',
  'patchSize',
  'mlpRatio',
  'layerNormEps',
  'weightStart',
] as const satisfies readonly (keyof VitOptions)[]

/**
 * Describes a vision transformer (docs/method.md, section 1). Image size, channels and classes come from the data it is used with.
 * Throws a DefinitionError for a shape that cannot be built.
 */
export const vit = <const EmbedDim extends number>(options: VitOptions<EmbedDim>): VitSpec<EmbedDim> => {
  const reader = new OptionReader([{ path: 'vit', options, known: VIT_OPTIONS }], placeOfCall())
  const shape = readShape(reader, 4)
  return deepFreeze({
    kind: 'vit',
    ...shape,
    embedDim: options.embedDim,
    patchSize: reader.has('patchSize') ? reader.number('patchSize', COUNT) : null,
    layerNormEps: reader.number('layerNormEps', POSITIVE, 1e-6),
    weightStart: readWeightStart(reader, shape.embedDim),
  })
}

/** The whole configuration of `spec` on images of a data set. */
export const vitConfigFor = (spec: VitSpec, data: DataParams, place: OptionReader['place']): VitConfig => {
  const patchSize = spec.patchSize ?? defaultPatchSize(data.imageSize)
  checkPatchSize(new OptionReader([{ path: 'vit', options: {}, known: VIT_OPTIONS }], place), patchSize, data.imageSize)
  return {
    imageSize: data.imageSize,
    patchSize,
    channels: data.channels,
    numClasses: data.numClasses,
    embedDim: spec.embedDim,
    depth: spec.depth,
    numHeads: spec.numHeads,
    mlpRatio: spec.mlpRatio,
    layerNormEps: spec.layerNormEps,
  }
}

/** A model that is written out whole, on images of a data set. */
export const readVitConfig = (
  options: OptionReader,
  { imageSize, channels, numClasses }: Pick<DataParams, 'imageSize' | 'channels' | 'numClasses'>,
): VitConfig => {
  const patchSize = options.number('patchSize', COUNT, defaultPatchSize(imageSize))
  checkPatchSize(options, patchSize, imageSize)
  const layerNormEps = options.number('layerNormEps', POSITIVE, 1e-6)
  return { imageSize, patchSize, channels, numClasses, ...readShape(options, 4), layerNormEps }
}

/** A VitConfig as it may be written: `mlpRatio` defaults to 4, `layerNormEps` to 1e-6. */
export type VitShape = Omit<VitConfig, 'mlpRatio' | 'layerNormEps'> &
  Partial<Pick<VitConfig, 'mlpRatio' | 'layerNormEps'>>

const KEYS = [
  'imageSize',
  'patchSize',
  'channels',
  'numClasses',
  'embedDim',
  'depth',
  'numHeads',
  'mlpRatio',
  'layerNormEps',
] as const satisfies readonly (keyof VitConfig)[]

/** Checks a shape that was written out and fills in its defaults. Throws a DefinitionError that names `path`. */
export const completeVitConfig = (shape: VitShape, path = 'config', place?: Place): VitConfig => {
  const options = new OptionReader([{ path, options: shape, known: KEYS }], place)
  const imageSize = options.number('imageSize', COUNT)
  const patchSize = options.number('patchSize', COUNT)
  checkPatchSize(options, patchSize, imageSize)
  return Object.freeze({
    imageSize,
    patchSize,
    channels: options.number('channels', COUNT),
    numClasses: options.number('numClasses', COUNT),
    ...readShape(options, 4),
    layerNormEps: options.number('layerNormEps', POSITIVE, 1e-6),
  })
}
