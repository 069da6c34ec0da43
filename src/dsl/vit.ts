/** Vision transformers as users write them down (docs/method.md, section 1). */
import { deepFreeze, type DataParams } from './nodes.js'
import { COUNT, OptionReader } from './option-reader.js'
import { VIT_OPTIONS } from './option-tables.js'
import { namesOf, readOptions, type Options, type Params } from './options.js'
import { placeOfCall, type Place } from './place.js'
import { SHAPE_FIELDS, variantOf, type VitConfig, type VitVariantParams } from './vit-config.js'

/** A vision transformer; image size, channels and classes are those of the data that it is used with. */
export interface VitOptions<EmbedDim extends number = number> extends Options<
  typeof VIT_OPTIONS,
  { readonly embedDim: EmbedDim }
> {}

/** A vision transformer as it is written down: what the data set decides is still open. */
export interface VitSpec<EmbedDim extends number = number> extends Omit<Params<typeof VIT_OPTIONS>, 'embedDim'> {
  readonly kind: 'vit'
  readonly embedDim: EmbedDim
}

const divisors = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0)

/** The largest divisor of `imageSize` up to 16 that leaves at least four patches a side. */
export const defaultPatchSize = (imageSize: number): number =>
  divisors(imageSize).findLast((size) => size <= 16 && imageSize / size >= 4) ?? 1

/** Refuses a patch size that does not divide the images' side. */
const checkPatchSize = (options: OptionReader, patchSize: number, imageSize: number): void => {
  if (imageSize % patchSize === 0) return
  const fitting = divisors(imageSize).filter((size) => size < imageSize)
  options.fail(
    'mismatch',
    'patchSize',
    `is ${patchSize}, which does not divide imageSize ${imageSize}: write one of ${fitting.join(', ')}`,
  )
}

/** Reads what `vit` takes; of a student the MLP's width and LayerNorm's epsilon are by default its teacher's. */
export const readVit = (options: OptionReader, teacher?: VitConfig): Params<typeof VIT_OPTIONS> => {
  const read = readOptions(VIT_OPTIONS, options, { teacher })
  const { embedDim, numHeads } = read
  if (embedDim % numHeads !== 0) {
    const fitting = divisors(embedDim).filter((heads) => heads > 1 && heads <= 16)
    const advice = fitting.length === 0 ? 'write 1' : `write a divisor of it (${fitting.join(', ')})`
    options.fail('mismatch', 'numHeads', `is ${numHeads}, which does not divide embedDim ${embedDim}: ${advice}`)
  }
  return read
}

type Images = Pick<VitConfig, 'imageSize' | 'channels' | 'numClasses'>
type Shape = Pick<VitConfig, 'embedDim' | 'depth' | 'numHeads' | 'mlpRatio' | 'layerNormEps'> & VitVariantParams

/** A whole configuration, of the shape's patches or those that suit the images. */
export const vitOnImages = (
  options: OptionReader,
  { embedDim, depth, numHeads, mlpRatio, layerNormEps, ...shape }: Shape & { readonly patchSize: number | null },
  { imageSize, channels, numClasses }: Images,
): VitConfig => {
  const patchSize = shape.patchSize ?? defaultPatchSize(imageSize)
  checkPatchSize(options, patchSize, imageSize)
  return {
    imageSize,
    patchSize,
    channels,
    numClasses,
    embedDim,
    depth,
    numHeads,
    mlpRatio,
    layerNormEps,
    ...variantOf(shape),
  }
}

/**
 * Describes a vision transformer (docs/method.md, section 1). Image size, channels and classes come from the data it is
 * used with. Throws a DefinitionError for a shape that cannot be built.
 */
export const vit = <const EmbedDim extends number>(options: VitOptions<EmbedDim>): VitSpec<EmbedDim> => {
  const reader = new OptionReader([{ path: 'vit', options, known: namesOf(VIT_OPTIONS) }], placeOfCall())
  return deepFreeze({ kind: 'vit', ...readVit(reader), embedDim: options.embedDim })
}

/** The configuration of a model that `vit` has described, on images of a data set. */
export const vitConfigFor = (spec: VitSpec, data: DataParams, place: Place | undefined): VitConfig =>
  vitOnImages(new OptionReader([{ path: 'vit', options: {}, known: [] }], place), spec, data)

/** A VitConfig as it may be written: `mlpRatio` defaults to 4, `layerNormEps` to 1e-6, the rest to the plain model. */
export type VitShape = Omit<VitConfig, 'mlpRatio' | 'layerNormEps'> &
  Partial<Pick<VitConfig, 'mlpRatio' | 'layerNormEps'>>

const CONFIG_NAMES = [
  'imageSize',
  'channels',
  'numClasses',
  ...SHAPE_FIELDS,
] as const satisfies readonly (keyof VitConfig)[]

/** Checks a shape that was written out and fills in its defaults. Throws a DefinitionError that names `path`. */
export const completeVitConfig = (shape: VitShape, path = 'config', place?: Place): VitConfig => {
  const options = new OptionReader([{ path, options: shape, known: CONFIG_NAMES }], place)
  const size = (name: keyof Images | 'patchSize'): number => options.number(name, COUNT)
  const images = { imageSize: size('imageSize'), channels: size('channels'), numClasses: size('numClasses') }
  return Object.freeze(vitOnImages(options, { ...readVit(options), patchSize: size('patchSize') }, images))
}
