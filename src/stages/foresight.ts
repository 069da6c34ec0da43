/**
 * What is known of a stage before it runs, from its definition, the headers of its data and weights, and the machine:
 * that it cannot work here, and options that do not go together.
 */
import { constants } from 'node:buffer'
import { sizeText } from '../dsl/amounts.js'
import { countPathParams } from '../dsl/counting.js'
import type { DataParams, LatencyParams, StageNode, TeacherParams, TrainParams } from '../dsl/nodes.js'
import { needsValidation } from '../dsl/train-options.js'
import type { VitConfig } from '../dsl/vit-config.js'
import { StageError } from '../runtime/errors.js'
import type { ImageCounts, Prospect } from '../runtime/stage-contract.js'
import { modelsOf } from './gpu-memory.js'
import { updatesOf } from './training/step-counts.js'

const floatBytes = 4

/** The most bytes of an image set in one array; of floats it holds as many values. */
const mostInArray = constants.MAX_LENGTH

/** A graph with a model's weights in it is one protobuf message. */
const mostInGraph = 2 ** 31

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const parametersOf = (model: VitConfig): number => countPathParams([{ model, blocks: model.depth }])

const has = (bytes: number): string => `and this machine has ${sizeText(bytes)} of memory`

const checkData = ({ source, imageSize, channels }: DataParams, counts: ImageCounts, memoryBytes: number): void => {
  // Of pictures a few are in memory at a time.
  if (source.type === 'pictures') return
  const imageBytes = imageSize ** 2 * channels
  const take = (split: string): string => (split === 'test' ? 'takeTest' : 'take')
  const described = (number: number): string =>
    `${sizeText(number * imageBytes)} (${number} of ${imageSize} × ${imageSize} × ${channels})`
  for (const [split, number] of Object.entries(counts)) {
    if (number * imageBytes <= mostInArray) continue
    throw new StageError({
      message: `its ${split} images take ${described(number)}, and an array of this Node holds ${sizeText(mostInArray)}`,
      hint: `keep ${Math.floor(mostInArray / imageBytes)} or fewer: ${take(split)}`,
    })
  }
  const all = sum(Object.values(counts))
  if (all * imageBytes <= memoryBytes) return
  throw new StageError({
    message: `its images take ${described(all)}, ${has(memoryBytes)}`,
    hint: 'keep fewer: take, takeTest',
  })
}

/**
 * Values a parameter that a training keeps at least: weight, both moments and gradient, the running mean, and what the
 * best epoch would leave.
 */
const statesOf = ({ emaDecay, keep }: TrainParams): number =>
  4 + (emaDecay === null ? 0 : 1) + (keep === 'best' ? 1 : 0)

const checkMemory = (train: TrainParams, models: readonly VitConfig[], memoryBytes: number): void => {
  const parameters = sum(models.map(parametersOf))
  const [{ imageSize, channels } = { imageSize: 0, channels: 0 }] = models
  // One batch is prepared while another is computed.
  const least = floatBytes * (statesOf(train) * parameters + 2 * train.batchSize * imageSize ** 2 * channels)
  if (least <= memoryBytes) return
  throw new StageError({
    message:
      `its training needs at least ${sizeText(least)} (${parameters} parameters with the optimiser's state, ` +
      `batches of ${train.batchSize} images), ${has(memoryBytes)}`,
    hint: 'a smaller model or a smaller batchSize needs less',
  })
}

/** So much of the weights that a training starts with may be left in their running mean. */
const mostOfStart = 0.05

/** Where the running mean spans a training's last tenth, nothing of its start is left. */
const meanOver = 0.1

const meanWarning = ({ emaDecay }: TrainParams, updates: number): string | undefined => {
  if (emaDecay === null || emaDecay ** updates <= mostOfStart) return undefined
  const percent = Math.round(100 * emaDecay ** updates)
  const share = Number((1 / (meanOver * updates)).toPrecision(1))
  const advice = share > 0.5 ? 'leave it out' : `emaDecay: ${Number((1 - share).toFixed(12))} would fit`
  return (
    `emaDecay ${emaDecay} is a mean over about the last ${Math.round(1 / (1 - emaDecay))} updates, and the training ` +
    `makes ${updates}: ${percent} % of its result would be the weights that it starts with; ${advice}`
  )
}

const unvalidated = (needs: string): StageError =>
  new StageError({
    message: `its ${needs} is decided by the validation images, and the data have none`,
    hint: 'hold some training images out: validation: 0.1',
  })

const foreseeTraining = (node: StageNode, train: TrainParams, prospect: Prospect): readonly string[] => {
  if (train.epochs === 0) return []
  const images = prospect.images(node)
  const needs = needsValidation(train)
  if (needs !== undefined && images?.validation === 0) throw unvalidated(needs)
  const warning = images === undefined ? undefined : meanWarning(train, updatesOf(train, images.train))
  checkMemory(train, modelsOf(node), prospect.memoryBytes)
  return warning === undefined ? [] : [warning]
}

const checkLatency = (node: StageNode, { batch }: LatencyParams, { engine, memoryBytes }: Prospect): void => {
  const models = modelsOf(node)
  const weightBytes = Math.max(0, ...models.map((model) => floatBytes * parametersOf(model)))
  if (engine !== 'cpu' && weightBytes > mostInGraph) {
    throw new StageError({
      message: `a model is timed with its weights in its graph, which holds 2 GiB; they are ${sizeText(weightBytes)}`,
      hint: 'leave latency() out for models of this size',
    })
  }
  const [{ imageSize, channels } = { imageSize: 0, channels: 0 }] = models
  const batchBytes = floatBytes * batch * imageSize ** 2 * channels
  if (batchBytes <= memoryBytes) return
  throw new StageError({
    message: `a batch of ${batch} images takes ${sizeText(batchBytes)}, ${has(memoryBytes)}`,
    hint: 'set a smaller batch',
  })
}

const checkPretrained = async ({ weights, model, head }: TeacherParams, { files }: Prospect): Promise<void> => {
  if (files === undefined || weights === null) return
  // It brings TensorFlow.js, which few plans need.
  const { checkWeights } = await import('./weights/adapt-weights.js')
  checkWeights(weights, files, { model, newHead: head === 'new' })
}

/** As `StageKind.foresee` says. */
export const foreseeStage = async (node: StageNode, prospect: Prospect): Promise<readonly string[]> => {
  const images = prospect.images(node)
  if (node.kind === 'data' && images !== undefined) checkData(node.params as DataParams, images, prospect.memoryBytes)
  if ('weights' in node.params) await checkPretrained(node.params as TeacherParams, prospect)
  if (node.kind === 'latency') checkLatency(node, node.params as LatencyParams, prospect)
  const { train } = node.params as { readonly train?: TrainParams }
  return train === undefined ? [] : foreseeTraining(node, train, prospect)
}
