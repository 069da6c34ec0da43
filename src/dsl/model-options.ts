import type { DataParams } from './nodes.js'
import { COUNT, POSITIVE, type OptionReader } from './option-reader.js'
import { checkPatchSize, defaultPatchSize, readShape } from './vit.js'
import type { VitConfig } from './vit-config.js'

/** A model that is written out whole, on images of a data set. */
export const readModel = (
  options: OptionReader,
  { imageSize, channels, numClasses }: Pick<DataParams, 'imageSize' | 'channels' | 'numClasses'>,
): VitConfig => {
  const patchSize = options.number('patchSize', COUNT, defaultPatchSize(imageSize))
  checkPatchSize(options, patchSize, imageSize)
  const layerNormEps = options.number('layerNormEps', POSITIVE, 1e-6)
  return { imageSize, patchSize, channels, numClasses, ...readShape(options, 4), layerNormEps }
}
