/** Pretrained weights for the model of a pipeline: for other images, other classes. */
import {
  numPositions,
  numTokens,
  prefixTokens,
  SHAPE_FIELDS,
  type VitConfig,
  type WeightStart,
} from '../../dsl/vit-config.js'
import { ModelFileError } from '../model/model-file-error.js'
import type { Normalisation } from '../model/normalisation.js'
import { partOfTensor, vitTensors } from '../model/vit.js'
import { startVit } from '../model/weight-start.js'
import type { NamedValues } from '../tensors/named-tensors.js'
import { checkAccounts, describeWeights, type PretrainedModel, type WeightsDescription } from './read-weights.js'
import { resamplePositions } from './resample-positions.js'
import type { WeightFiles } from './weight-files.js'

/** Which of the weights are taken. */
export interface Adaptation {
  /** The model that they are for. */
  readonly model: VitConfig
  /** Whether its head starts anew, by `weightStart`, `seed` and `role`; else the weights' own is kept. */
  readonly newHead: boolean
  readonly weightStart: WeightStart
  readonly seed: number
  readonly role: string
}

/** What `vit` and `pretrained` need not be told. */
const DEFAULTS: Partial<VitConfig> = { mlpRatio: 4, layerNormEps: 1e-6 }

const literal = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : String(value))

/** The shape as a definition writes it: `{ embedDim: 192, depth: 12, numHeads: 3, patchSize: 16 }`. */
export const writtenShape = (config: VitConfig): string => {
  const fields = SHAPE_FIELDS.filter((key) => config[key] !== undefined && config[key] !== DEFAULTS[key])
  return `{ ${fields.map((key) => `${key}: ${literal(config[key])}`).join(', ')} }`
}

type Wanted = Pick<Adaptation, 'model' | 'newHead'>

const checkShape = (path: string, { config }: WeightsDescription, { model, newHead }: Wanted): void => {
  const different = SHAPE_FIELDS.find((key) => config[key] !== model[key])
  if (different !== undefined) {
    throw new ModelFileError(
      `${path}: its ${different} is ${config[different] ?? 'the plain one'}, but the pipeline's model has ` +
        `${model[different] ?? 'the plain one'}: write ${writtenShape(config)}`,
    )
  }
  if (config.channels !== model.channels) {
    throw new ModelFileError(
      `${path}: it reads images of ${config.channels} channels, and the data have ${model.channels}`,
    )
  }
  if (newHead || config.numClasses === model.numClasses) return
  const classes = config.numClasses === 0 ? 'has no head' : `tells ${config.numClasses} classes apart`
  throw new ModelFileError(
    `${path}: it ${classes}, and the data have ${model.numClasses}: write head: 'new' for a head that starts anew`,
  )
}

/**
 * Values of all tensors of the model: the weights' own, positions resampled where the images are of another size, and
 * the head of a new start where that is wanted. Throws a ModelFileError that says what to write where the weights are
 * of another model.
 */
export const adaptWeights = (path: string, pretrained: PretrainedModel, adaptation: Adaptation): NamedValues => {
  checkShape(path, pretrained, adaptation)
  const { config, values } = pretrained
  const { model, newHead, weightStart, seed, role } = adaptation
  const fresh = newHead ? startVit(model, weightStart, seed, role) : {}
  const side = ({ imageSize, patchSize }: VitConfig): number => imageSize / patchSize
  const positions = (): Float32Array => {
    const given = values['pos_embed']
    if (numTokens(config) === numTokens(model)) return given
    const prefix = numPositions(model) === numTokens(model) ? prefixTokens(model) : 0
    return resamplePositions(given, prefix, side(config), side(model), model.embedDim)
  }
  return Object.fromEntries(
    vitTensors(model).map(({ name }) => {
      if (newHead && partOfTensor(name) === 'head') return [name, fresh[name]]
      return [name, name === 'pos_embed' ? positions() : values[name]]
    }),
  )
}

/**
 * What the weights were trained with. Undefined where a model of our own does not say it; throws a ModelFileError where
 * one of another library does not: the data's own numbers would be wrong.
 */
export const normalisationOfWeights = (path: string, weights: WeightsDescription): Normalisation | undefined => {
  const { mean, std, library } = weights
  if (mean !== undefined && std !== undefined) return { mean, std }
  if (library === 'genepool') return undefined
  const file = library === 'timm' ? "pretrained_cfg in timm's config.json" : 'preprocessor_config.json beside it'
  throw new ModelFileError(`${path}: nothing says with which mean and std its pixels were normalised; ${file} would`)
}

/** Throws what reading these weights for the model would throw but for their values, of which none is read. */
export const checkWeights = (path: string, files: WeightFiles, wanted: Wanted): void => {
  const description = describeWeights(files)
  checkAccounts(files, description)
  checkShape(path, description, wanted)
  normalisationOfWeights(path, description)
}
