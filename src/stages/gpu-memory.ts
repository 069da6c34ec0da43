/**
 * About how much memory a stage needs on a GPU, which decides whether two may share one. A rough estimate on the high
 * side; what it counts is in docs/failures-and-resources.md. A function of the definition alone, so that no stage is
 * loaded for it.
 */
import { countPathParams } from '../dsl/counting.js'
import type { StageNode, TrainParams } from '../dsl/nodes.js'
import { numTokens, type VitConfig } from '../dsl/vit-config.js'

const floatBytes = 4
/** For the driver's context, the libraries' code and their workspaces. */
const fixedBytes = 600 * 2 ** 20
/** Images that are measured at once, at most. */
const measuredBatch = 256

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const parametersOf = (model: VitConfig): number => countPathParams([{ model, blocks: model.depth }])

/**
 * Values that one block computes for one image: for each of T tokens 10 vectors of width d (inputs and outputs of both
 * norms, q, k, v, attention's output, both sums), the MLP's hidden layer before and after GELU, and for each head a row
 * of T scores before and after softmax.
 */
const blockValues = (model: VitConfig): number => {
  const tokens = numTokens(model)
  return tokens * ((10 + 2 * model.mlpRatio) * model.embedDim + 2 * model.numHeads * tokens)
}

/**
 * All blocks' values are kept for the backward pass, which computes as many again; with `checkpointBlocks` only what
 * their branches start from is, and one block at a time has all of its values.
 */
const trainingValues = (model: VitConfig, { checkpointBlocks }: TrainParams): number =>
  checkpointBlocks
    ? 2 * (2 * model.depth * numTokens(model) * model.embedDim + blockValues(model))
    : 2 * model.depth * blockValues(model)

/** The values of two blocks are there at a time: those that one reads and those that it computes. */
const forwardValues = (model: VitConfig): number => 2 * blockValues(model)

/**
 * Values a parameter: weight and both moments, before and after an update, and its gradient; where they are kept, the
 * sum of gradients over an update's batches, and the running mean of the weight.
 */
const statesOf = ({ accumulate, emaDecay }: TrainParams): number =>
  7 + (accumulate > 1 ? 1 : 0) + (emaDecay === null ? 0 : 2)

/** Bytes of training all of these models in one step, beside others that only run forward. */
const training = (train: TrainParams, trained: readonly VitConfig[], answering: readonly VitConfig[]): number =>
  fixedBytes +
  floatBytes *
    (statesOf(train) * sum(trained.map(parametersOf)) +
      sum(answering.map(parametersOf)) +
      train.batchSize * (sum(trained.map((model) => trainingValues(model, train))) + sum(answering.map(forwardValues))))

/** Bytes of running these models forward. */
const measuring = (models: readonly VitConfig[]): number =>
  fixedBytes + floatBytes * (sum(models.map(parametersOf)) + measuredBatch * Math.max(0, ...models.map(forwardValues)))

interface Known {
  readonly model?: VitConfig
  readonly models?: readonly (VitConfig | string)[]
  readonly train?: TrainParams
}

/** The models of a stage: its own, those that it names, or those of what it reads. */
export const modelsOf = (node: StageNode): readonly VitConfig[] => {
  const { model, models } = node.params as Known
  if (model !== undefined) return [model]
  const own = (models ?? []).filter((each): each is VitConfig => typeof each === 'object')
  if (own.length > 0) return own
  const { pool, stitch, ...students } = node.inputs
  if (stitch !== undefined) return modelsOf(stitch)
  if (pool !== undefined) return Object.values(pool.inputs).flatMap(modelsOf)
  return node.kind === 'pool' ? Object.values(students).flatMap(modelsOf) : []
}

/** Bytes; undefined for a stage whose models are not known from its definition. */
export const gpuMemory = (node: StageNode): number | undefined => {
  const models = modelsOf(node)
  if (models.length === 0) return undefined
  const { train } = node.params as Known
  if (train === undefined) return measuring(models)
  const { teacher } = node.inputs
  return training(train, models, teacher === undefined ? [] : modelsOf(teacher))
}
