/**
 * About how much memory a stage needs on a GPU: what decides whether two may share one. Rough and on the high side; what it
 * counts is in docs/failures-and-resources.md. Pure, and of the definition alone: no stage is loaded for it.
 */
import { countPathParams } from '../dsl/counting.js'
import type { StageNode, TrainParams } from '../dsl/nodes.js'
import { numTokens, type VitConfig } from '../dsl/vit-config.js'

const floatBytes = 4
/** The driver's context, the libraries' code and their workspaces. */
const fixedBytes = 600 * 2 ** 20
/** Images that are measured at once, at most. */
const measuredBatch = 256

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const parametersOf = (model: VitConfig): number => countPathParams([{ model, blocks: model.depth }])

/**
 * Values that one block of one image leaves: for each of T tokens 10 vectors of width d (both norms in and out, q, k, v, what
 * attention gives, both sums), the MLP's hidden layer before and after GELU, and of each head a row of T scores before and after
 * softmax.
 */
const blockValues = (model: VitConfig): number => {
  const tokens = numTokens(model)
  return tokens * ((10 + 2 * model.mlpRatio) * model.embedDim + 2 * model.numHeads * tokens)
}

/** All blocks' values are kept for the way back, on which as much again comes up. */
const trainingValues = (model: VitConfig): number => 2 * model.depth * blockValues(model)

/** Two blocks' are there at a time: what one reads and what it leaves. */
const forwardValues = (model: VitConfig): number => 2 * blockValues(model)

/** Weights and both moments, before and after an update, and gradients; their sum over an update's batches, and a mean of weights. */
const statesOf = ({ accumulate, emaDecay }: TrainParams): number =>
  7 + (accumulate > 1 ? 1 : 0) + (emaDecay === null ? 0 : 2)

/** A training of all of these models in one step, beside others that only answer. */
const training = (train: TrainParams, trained: readonly VitConfig[], answering: readonly VitConfig[]): number =>
  fixedBytes +
  floatBytes *
    (statesOf(train) * sum(trained.map(parametersOf)) +
      sum(answering.map(parametersOf)) +
      train.batchSize * (sum(trained.map(trainingValues)) + sum(answering.map(forwardValues))))

const measuring = (models: readonly VitConfig[]): number =>
  fixedBytes + floatBytes * (sum(models.map(parametersOf)) + measuredBatch * Math.max(0, ...models.map(forwardValues)))

interface Known {
  readonly model?: VitConfig
  readonly models?: readonly (VitConfig | string)[]
  readonly train?: TrainParams
}

/** The models of a stage: its own, those that it names, or those of what it reads. */
const modelsOf = (node: StageNode): readonly VitConfig[] => {
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
