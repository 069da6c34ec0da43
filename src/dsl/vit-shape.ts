import { COUNT, OptionReader, POSITIVE } from './option-reader.js'
import type { Place } from './nodes.js'
import { checkPatchSize, readShape } from './vit.js'
import type { VitConfig } from './vit-config.js'

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
