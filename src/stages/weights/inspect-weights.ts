/** What `genepool inspect` shows of weights: what they are, how a definition names them, each tensor's fate. */
import { numPositions, type VitConfig } from '../../dsl/vit-config.js'
import { ModelFileError } from '../model/model-file-error.js'
import { writtenShape } from './adapt-weights.js'
import { describeWeights, type TensorAccount, type TensorFate, type WeightsDescription } from './read-weights.js'
import { weightFiles } from './weight-files.js'

/** A tensor's account, of positions with what images of another size make of them. */
export interface InspectedTensor extends Omit<TensorAccount, 'fate'> {
  readonly fate: TensorFate | 'resampled'
}

export interface Inspection extends Omit<WeightsDescription, 'accounts'> {
  /** As it stands in `pretrained(path, …)`. */
  readonly shape: string
  readonly tensors: readonly InspectedTensor[]
}

const resampled = (account: TensorAccount, config: VitConfig, imageSize: number): InspectedTensor => {
  if (account.name !== 'pos_embed' || account.problem !== undefined || imageSize === config.imageSize) return account
  return { ...account, fate: 'resampled', shape: [1, numPositions({ ...config, imageSize }), config.embedDim] }
}

/**
 * The weights at `path` by their headers, for images of `imageSize` pixels a side; default: their own. Throws a
 * ModelFileError or a SafetensorsError where they are no weights, or of a model that is not supported.
 */
export const inspectWeights = (path: string, imageSize?: number): Inspection => {
  const { accounts, ...described } = describeWeights(weightFiles(path))
  const { config } = described
  if (imageSize !== undefined && (!(imageSize > 0) || imageSize % config.patchSize !== 0)) {
    throw new ModelFileError(`patches of ${config.patchSize} pixels do not divide images of ${imageSize}`)
  }
  const tensors = accounts.map((account) => resampled(account, config, imageSize ?? config.imageSize))
  return { ...described, shape: writtenShape(config), tensors }
}
