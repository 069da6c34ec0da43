/**
 * Pretrained weights of any supported library as a model of ours. Every tensor is accounted for: one that the model
 * does not read and one that the file does not have are errors, found in the headers before a value is read.
 */
import { dirname } from 'node:path'
import type { VitConfig } from '../../dsl/vit-config.js'
import { sizeOfShape } from '../../engine/host-values.js'
import { ModelFileError } from '../model/model-file-error.js'
import { parseConfig } from '../model/model-files.js'
import { partOfTensor, vitTensors } from '../model/vit.js'
import { checkFinite, type NamedValues, type TensorDefinition } from '../tensors/named-tensors.js'
import { describeSafetensors, readSafetensors, type SafetensorsHeader } from '../tensors/safetensors.js'
import { describeTimm } from './timm.js'
import { describeTransformers, readPreprocessor } from './transformers.js'
import { readJsonObject, readWeightMap, type WeightFiles } from './weight-files.js'
import { type DescribedModel, ConfigFields, type TensorShapes } from './weight-format.js'

/** What becomes of a tensor: it is taken as it is, under another name, or as one of several joined. */
export type TensorFate = 'matched' | 'renamed' | 'fused' | 'missing' | 'unused'

/** One tensor of the model or, if unused, of the file. */
export interface TensorAccount {
  readonly fate: TensorFate
  /** Its name in the model; of an unused one in the file. */
  readonly name: string
  readonly shape: readonly number[]
  /** The tensors of the file that it is made of. */
  readonly from: readonly string[]
  readonly dtype: string
  /** What is wrong with it; undefined where nothing is. */
  readonly problem?: string
}

/** Weights as their headers and configuration describe them. */
export interface WeightsDescription extends Omit<DescribedModel, 'namesOf'> {
  readonly library: 'genepool' | 'timm' | 'transformers'
  readonly accounts: readonly TensorAccount[]
}

/** A model with its values. The tensors of the head are missing where the weights have none. */
export interface PretrainedModel extends WeightsDescription {
  readonly values: NamedValues
}

interface Stored {
  readonly file: string
  readonly shape: readonly number[]
  readonly dtype: string
}

const FLOATS: ReadonlySet<string> = new Set(['F32', 'F16', 'BF16', 'F64'])

/** What a tensor's name tells of a model that is not supported. */
const SIGNS: readonly (readonly [RegExp, string])[] = [
  [/reg_token|register_token/, 'register tokens'],
  [/\b(q|k)_norm\b/, 'norms of queries and keys'],
  [/norm_pre|pre_layernorm|\bln_pre\b/, 'a norm before the blocks'],
  [/attn_pool/, 'pooling by attention'],
  [/rope|\bfreqs/, 'rotary positions'],
  [/rel_pos|relative_position/, 'relative positions'],
  [/patch_embed\.backbone|embedder\.backbone/, 'a convolutional backbone'],
  [/pooler/, "a pooler, which a classifier's head does not read"],
  [/mask_token/, 'a token for masked patches'],
]

const signOf = (name: string): string => {
  const sign = SIGNS.find(([pattern]) => pattern.test(name))
  return sign === undefined ? '' : ` (${sign[1]})`
}

const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`

/** Headers of all files; a tensor that two of them hold is an error, and so is an index that is wrong. */
const readHeaders = (files: WeightFiles): { stored: ReadonlyMap<string, Stored>; header: SafetensorsHeader } => {
  const stored = new Map<string, Stored>()
  let header: SafetensorsHeader | undefined
  for (const [role, file] of Object.entries(files)) {
    if (!role.startsWith('weights')) continue
    header = describeSafetensors(file)
    for (const [name, { shape, dtype }] of header.tensors) {
      const other = stored.get(name)
      if (other !== undefined) throw new ModelFileError(`${file}: tensor ${name} is in ${other.file} too`)
      stored.set(name, { file, shape, dtype })
    }
  }
  if (header === undefined) throw new ModelFileError(`${files['index'] ?? ''}: names no file of weights`)
  const { index } = files
  if (index !== undefined) {
    const map = readWeightMap(index)
    for (const [name, file] of map) {
      if (stored.get(name)?.file === files[`weights/${file}`]) continue
      throw new ModelFileError(`${index}: tensor ${name} is not in ${file}`)
    }
    const surplus = [...stored.keys()].find((name) => !map.has(name))
    if (surplus !== undefined) throw new ModelFileError(`${index}: does not name tensor ${surplus}`)
  }
  return { stored, header }
}

/** One of our own `config.json`, or one that is written like it. */
const describeOwn = (
  json: Readonly<Record<string, unknown>>,
  path: string,
  { metadata }: SafetensorsHeader,
  weightsPath: string,
): DescribedModel => {
  const { config } = parseConfig(JSON.stringify(json), path)
  for (const key of ['numHeads', 'layerNormEps'] as const) {
    const trained = metadata[key]
    if (trained === undefined || Number(trained) === config[key]) continue
    throw new ModelFileError(`${path}: ${key} is ${config[key]}, but ${weightsPath} was trained with ${trained}`)
  }
  const fields = new ConfigFields(path, json)
  const [mean, std] = [fields.channels('mean'), fields.channels('std')]
  return { config, ...(mean && { mean }), ...(std && { std }), namesOf: (tensor) => [tensor] }
}

/** Weights and biases of two norms and of two layers, and the weights of attention's. */
const LEAST_BLOCK_TENSORS = 10

const checkShape = (path: string, config: VitConfig, tensors: number): void => {
  const { imageSize, patchSize, embedDim, numHeads, depth } = config
  if (imageSize % patchSize !== 0) {
    throw new ModelFileError(`${path}: patches of ${patchSize} pixels do not divide images of ${imageSize}`)
  }
  if (embedDim % numHeads !== 0) {
    throw new ModelFileError(`${path}: ${numHeads} heads do not divide the width ${embedDim}`)
  }
  // Before anything of that depth is made.
  if (depth * LEAST_BLOCK_TENSORS > tensors) {
    throw new ModelFileError(`${path}: describes ${depth} blocks, but the weights are ${tensors} tensors in all`)
  }
}

/** The tensors that a model of these weights has; without a head where they have none. */
export const tensorsOfWeights = (config: VitConfig): readonly TensorDefinition[] =>
  vitTensors(config).filter(({ name }) => config.numClasses > 0 || partOfTensor(name) !== 'head')

const accountFor = (
  { name, shape }: TensorDefinition,
  from: readonly string[],
  stored: ReadonlyMap<string, Stored>,
): TensorAccount => {
  const parts = from.map((each) => stored.get(each))
  const missing = from.find((each) => !stored.has(each))
  const base = { name, shape, from, dtype: [...new Set(parts.map((part) => part?.dtype ?? '?'))].join(' ') }
  if (missing !== undefined) return { ...base, fate: 'missing', problem: `tensor ${missing} is missing` }
  const fate = from.length > 1 ? 'fused' : from[0] === name ? 'matched' : 'renamed'
  const wanted = [shape[0] / from.length, ...shape.slice(1)]
  for (const [at, part] of (parts as Stored[]).entries()) {
    if (shapeText(part.shape) === shapeText(wanted) && FLOATS.has(part.dtype)) continue
    const needed = `needs numbers ${shapeText(wanted)}`
    return {
      ...base,
      fate,
      problem: `tensor ${from[at]} is ${part.dtype} ${shapeText(part.shape)}, but the model ${needed}`,
    }
  }
  return { ...base, fate }
}

const readConfigOf = (files: WeightFiles, weightsPath: string): Readonly<Record<string, unknown>> => {
  try {
    return readJsonObject(files['config'])
  } catch (cause) {
    if (!(cause instanceof ModelFileError) || !cause.message.endsWith('there is no such file')) throw cause
    throw new ModelFileError(
      `${files['config']}: cannot be read; the weights in ${weightsPath} do not tell their head count and eps, the file ` +
        'config.json beside them must',
      { cause },
    )
  }
}

/**
 * What the weights are, by their headers and configuration; no value is read. Throws a ModelFileError or a
 * SafetensorsError where files are no weights or are of an unsupported model; what is wrong with single tensors is in
 * their accounts.
 */
export const describeWeights = (files: WeightFiles): WeightsDescription => {
  const { stored, header } = readHeaders(files)
  const shapes: TensorShapes = new Map([...stored].map(([name, { shape }]) => [name, shape]))
  const weightsPath = files['weights'] ?? files['index']
  const json = readConfigOf(files, weightsPath)
  const path = files['config']
  const library =
    'architecture' in json ? 'timm' : 'architectures' in json || 'model_type' in json ? 'transformers' : 'genepool'
  const { namesOf, ...described } =
    library === 'timm'
      ? describeTimm(json, path, shapes, weightsPath)
      : library === 'transformers'
        ? describeTransformers(json, path, shapes)
        : describeOwn(json, path, header, weightsPath)
  const { preprocessor } = files
  const stated =
    preprocessor === undefined ? {} : readPreprocessor(new ConfigFields(preprocessor, readJsonObject(preprocessor)))
  const { config } = described
  checkShape(path, config, stored.size)
  const tensors = tensorsOfWeights(config)
  const read = new Set<string>()
  const accounts = tensors.map((tensor): TensorAccount => {
    const from = namesOf(tensor.name)
    for (const name of from) read.add(name)
    return accountFor(tensor, from, stored)
  })
  const unused = [...stored]
    .filter(([name]) => !read.has(name))
    .map(([name, { shape, dtype }]): TensorAccount => ({
      fate: 'unused',
      name,
      shape,
      from: [name],
      dtype,
      problem: `tensor ${name}${signOf(name)} is read by nothing: the model of ${path} has no tensor ${name}`,
    }))
  const all = { library, ...described, ...stated, accounts: [...accounts, ...unused] } as const
  if (all.std?.some((value) => !(value > 0))) {
    throw new ModelFileError(`${preprocessor ?? path}: std is ${JSON.stringify(all.std)}, not numbers above 0`)
  }
  for (const key of ['mean', 'std'] as const) {
    const { length } = all[key] ?? { length: config.channels }
    if (length === config.channels) continue
    throw new ModelFileError(
      `${preprocessor ?? path}: ${key} has ${length} numbers, and images have ${config.channels} channels`,
    )
  }
  return all
}

/** Throws a ModelFileError of what is wrong with the tensors. */
export const checkAccounts = (files: WeightFiles, { accounts, library }: WeightsDescription): void => {
  const problems = accounts.flatMap(({ problem }) => problem ?? [])
  if (problems.length === 0) return
  const first = problems.slice(0, 3).join('; ')
  const more = problems.length > 3 ? `; and ${problems.length - 3} more` : ''
  const place = files['weights'] ?? dirname(files['config'])
  const hint = problems.length > 1 ? ` (genepool inspect ${place} lists all)` : ''
  throw new ModelFileError(`${place}: ${first}${more}; by its configuration it is a model of ${library}'s${hint}`)
}

/** Reads the weights. Throws a ModelFileError where any tensor is missing, surplus, of another shape or not finite. */
export const readWeights = (files: WeightFiles): PretrainedModel => {
  const description = describeWeights(files)
  checkAccounts(files, description)
  const values: Record<string, Float32Array> = {}
  const wanted = new Map<string, { readonly name: string; readonly at: number; readonly shape: readonly number[] }>()
  for (const { name, from, shape } of description.accounts) {
    from.forEach((source, part) => wanted.set(source, { name, at: (part * sizeOfShape(shape)) / from.length, shape }))
  }
  for (const [role, file] of Object.entries(files)) {
    if (!role.startsWith('weights')) continue
    for (const [source, { data }] of readSafetensors(file).tensors) {
      const { name, at, shape } = wanted.get(source)!
      checkFinite(`${file}: `, source, data as Float32Array)
      if (data.length === sizeOfShape(shape)) values[name] = data as Float32Array
      else (values[name] ??= new Float32Array(sizeOfShape(shape))).set(data, at)
    }
  }
  return { ...description, values }
}
