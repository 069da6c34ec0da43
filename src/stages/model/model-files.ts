/** A model on disk: weights in timm's naming as safetensors, its shape in a `config.json` beside them. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Json } from '../../dsl/nodes.js'
import { variantOf, type VitConfig, type VitVariantParams } from '../../dsl/vit-config.js'
import type { InputArtifact } from '../../runtime/stage-contract.js'
import { describeSafetensors, type HostTensor, readSafetensors, writeSafetensors } from '../tensors/safetensors.js'
import { ModelFileError } from './model-file-error.js'
import { vitTensors } from './vit.js'
import { checkFinite, type NamedValues, type TensorDefinition } from '../tensors/named-tensors.js'
import { readWholeFile, writeFileAtomic } from '../../base/files.js'

/** A model as it was read. */
export interface StoredModel {
  readonly config: VitConfig
  readonly values: NamedValues
  /** All of `config.json`. */
  readonly metadata: Readonly<Record<string, Json>>
}

/** Writes indented JSON; the whole file or nothing. */
export const writeJson = (path: string, value: object): void =>
  writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`)

/** Writes each value as one line of JSON. */
export const writeLines = (path: string, values: readonly object[]): void =>
  writeFileAtomic(path, values.map((value) => `${JSON.stringify(value)}\n`).join(''))

/**
 * Writes a safetensors file of these tensors, in the order of their definitions. Throws a NotFiniteError where one has
 * diverged.
 */
export const writeTensors = (
  path: string,
  tensors: readonly TensorDefinition[],
  values: NamedValues,
  metadata: Readonly<Record<string, string>> = {},
): void => {
  for (const { name } of tensors) checkFinite('', name, values[name])
  writeSafetensors(
    path,
    Object.fromEntries(tensors.map(({ name, shape }) => [name, { shape, data: values[name] }])),
    // Readers in PyTorch's ecosystem refuse a file without it.
    { format: 'pt', ...metadata },
  )
}

/**
 * What cannot be told from the shapes of a model's tensors. Kept with the weights too, so that a wrong `config.json` is
 * noticed.
 */
const UNSHAPED = ['numHeads', 'layerNormEps'] as const

/** Throws a ModelFileError where the weights say that they were trained with other values than the configuration's. */
const checkUnshaped = (weightsPath: string, configPath: string, config: VitConfig): void => {
  const { metadata } = describeSafetensors(weightsPath)
  for (const key of UNSHAPED) {
    const trained = metadata[key]
    if (trained !== undefined && Number(trained) !== config[key]) {
      throw new ModelFileError(
        `${configPath}: ${key} is ${config[key]}, but ${weightsPath} was trained with ${trained}`,
      )
    }
  }
}

const shapeOf = (shape: readonly number[]): string => `[${shape.join(', ')}]`

/** The values of exactly these tensors, float32 each. Throws a ModelFileError that names what is wrong. */
export const readTensors = (path: string, tensors: readonly TensorDefinition[], described: string): NamedValues => {
  const found: ReadonlyMap<string, HostTensor> = readSafetensors(path).tensors
  const values: Record<string, Float32Array> = {}
  for (const { name, shape } of tensors) {
    const tensor = found.get(name)
    if (tensor === undefined) throw new ModelFileError(`${path}: tensor ${name} is missing; ${described} needs it`)
    if (shapeOf(tensor.shape) !== shapeOf(shape) || !(tensor.data instanceof Float32Array)) {
      throw new ModelFileError(
        `${path}: tensor ${name} is ${shapeOf(tensor.shape)}, but ${described} needs numbers ${shapeOf(shape)}`,
      )
    }
    checkFinite(`${path}: `, name, tensor.data)
    values[name] = tensor.data
  }
  const known = new Set(tensors.map(({ name }) => name))
  const surplus = [...found.keys()].find((name) => !known.has(name))
  if (surplus !== undefined) throw new ModelFileError(`${path}: ${described} has no tensor ${surplus}`)
  return values
}

/** Writes `model.safetensors` and `config.json`: the model's shape and whatever `metadata` adds. */
export const writeModel = (
  folder: string,
  config: VitConfig,
  values: NamedValues,
  metadata: Readonly<Record<string, Json>>,
  tensors: readonly TensorDefinition[] = vitTensors(config),
): void => {
  mkdirSync(folder, { recursive: true })
  const unshaped = Object.fromEntries(UNSHAPED.map((key) => [key, String(config[key])]))
  writeTensors(join(folder, 'model.safetensors'), tensors, values, unshaped)
  writeJson(join(folder, 'config.json'), { ...config, ...metadata })
}

/**
 * What a `config.json` may leave out (docs/method.md, section 1). Not the head count, which no file of weights tells.
 */
const DEFAULTS = { mlpRatio: 4, layerNormEps: 1e-6 }

const COUNTS = ['imageSize', 'patchSize', 'channels', 'numClasses', 'embedDim', 'depth', 'numHeads'] as const
const RATES = ['mlpRatio', 'layerNormEps'] as const

/** What each field of a variant may be; the first is the plain model's, which is left out. */
const VARIANTS: { readonly [Name in keyof VitVariantParams]: readonly VitVariantParams[Name][] } = {
  distillation: ['none', 'twoHeads', 'oneHead'],
  layerScale: [false, true],
  clsPosition: [true, false],
  pooling: ['cls', 'mean'],
  qkvBias: [true, false],
}

/** The configuration in the text of a `config.json`. Throws a ModelFileError for one that describes no model. */
export const parseConfig = (text: string, path: string): Omit<StoredModel, 'values'> => {
  let metadata: Readonly<Record<string, Json>>
  try {
    metadata = { ...DEFAULTS, ...(JSON.parse(text) as Record<string, Json>) }
  } catch (cause) {
    throw new ModelFileError(`${path}: is not JSON`, { cause })
  }
  const read = (key: keyof VitConfig, test: (value: number) => boolean, words: string): number => {
    const value = metadata[key]
    if (typeof value === 'number' && test(value)) return value
    throw new ModelFileError(`${path}: ${key} must be ${words}, not ${JSON.stringify(value) ?? 'left out'}`)
  }
  const counts = COUNTS.map((key) => [key, read(key, (n) => Number.isInteger(n) && n > 0, 'a whole number above 0')])
  const rates = RATES.map((key) => [key, read(key, (n) => Number.isFinite(n) && n > 0, 'a number above 0')])
  const variant = Object.entries(VARIANTS).map(([key, known]: [string, readonly Json[]]) => {
    const value = metadata[key] ?? known[0]!
    if (known.includes(value)) return [key, value]
    const words = known.map((each) => JSON.stringify(each)).join(' or ')
    throw new ModelFileError(`${path}: ${key} must be ${words}, not ${JSON.stringify(value)}`)
  })
  const config: VitConfig = {
    ...(Object.fromEntries([...counts, ...rates]) as VitConfig),
    ...variantOf(Object.fromEntries(variant) as VitVariantParams),
  }
  const { imageSize, patchSize, embedDim, numHeads } = config
  if (imageSize % patchSize !== 0) {
    throw new ModelFileError(`${path}: patchSize ${patchSize} does not divide imageSize ${imageSize}`)
  }
  if (embedDim % numHeads !== 0) {
    throw new ModelFileError(`${path}: numHeads ${numHeads} does not divide embedDim ${embedDim}`)
  }
  return { config, metadata }
}

/**
 * Reads a model, or those of its tensors that `tensorsOf` names. Throws a ModelFileError where the configuration and
 * the weights do not agree in every tensor.
 */
export const readModel = (
  weightsPath: string,
  configPath: string,
  tensorsOf: (config: VitConfig) => readonly TensorDefinition[] = vitTensors,
): StoredModel => {
  let text: string
  try {
    text = readWholeFile(configPath).toString('utf8')
  } catch (cause) {
    throw new ModelFileError(
      `${configPath}: cannot be read; the weights in ${weightsPath} do not tell their head count and eps, the file ` +
        'config.json beside them must',
      { cause },
    )
  }
  const parsed = parseConfig(text, configPath)
  checkUnshaped(weightsPath, configPath, parsed.config)
  return { ...parsed, values: readTensors(weightsPath, tensorsOf(parsed.config), `the model of ${configPath}`) }
}

/**
 * The model in a stage's artifact, in its subfolder `folder`. A ModelFileError names the input by `described` where
 * there is none.
 */
export const openModel = (input: InputArtifact | undefined, described: string, folder = ''): StoredModel => {
  const [weights, config] = ['model.safetensors', 'config.json'].map((file) => {
    const path = input?.files[folder + file]
    if (path === undefined) throw new ModelFileError(`the input ${described} has no ${folder}${file}`)
    return path
  })
  return readModel(weights, config)
}
