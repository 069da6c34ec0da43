import type { DataParams, TeacherParams } from './nodes.js'
import type { Place } from './place.js'
import { readVitConfig, readWeightStart, VIT_OPTIONS, type VitOptions } from './vit.js'
import { type OptionReader, readNamed } from './option-reader.js'
import { readTrainParams, TRAIN_OPTIONS, type TrainOptions } from './train-options.js'

/** How a model that learns from the labels begins: `weights`, a safetensors file beside its `config.json`, or at random. */
export interface PretrainedOptions {
  /** Path from the pipeline file's folder; `epochs: 0` then takes the weights as they are. */
  readonly weights?: string
}

/** An anchor: its shape and however it is trained otherwise than the others. */
export type AnchorOptions = VitOptions & PretrainedOptions & Partial<TrainOptions>

export type Anchors = { readonly [name: string]: AnchorOptions }

export const PRETRAINED_OPTIONS = ['weights'] as const satisfies readonly (keyof PretrainedOptions)[]

const ANCHOR_OPTIONS = [...VIT_OPTIONS, ...PRETRAINED_OPTIONS, ...TRAIN_OPTIONS]

/** Weights and training of a model that learns from the labels. */
export const readLabelTraining = (options: OptionReader): Pick<TeacherParams, 'weights' | 'train'> => {
  const weights = options.has('weights') ? options.text('weights') : null
  return { weights, train: readTrainParams(options, { batchSize: 64, mayBeZero: weights !== null }) }
}

/** Complete parameters of every anchor, by name, in the order in which they were written. */
export const readAnchors = (
  anchors: unknown,
  shared: unknown,
  data: DataParams,
  seed: number,
  place?: Place,
): readonly (readonly [name: string, params: TeacherParams])[] =>
  readNamed('anchors', anchors, ANCHOR_OPTIONS, shared, TRAIN_OPTIONS, place).map(([name, options]) => {
    const model = readVitConfig(options, data)
    const params: TeacherParams = {
      model,
      ...readLabelTraining(options),
      weightStart: readWeightStart(options, model.embedDim),
      seed,
    }
    return [name, params]
  })
