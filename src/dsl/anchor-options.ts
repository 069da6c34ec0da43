/** Models that learn from the labels: the teacher and anchors. */
import type { DataParams, TeacherParams } from './nodes.js'
import { readNamed, type OptionReader } from './option-reader.js'
import { PRETRAINED_OPTIONS, TRAIN_OPTIONS, VIT_OPTIONS } from './option-tables.js'
import { namesOf, readOptions, type Options } from './options.js'
import type { Place } from './place.js'
import { readTrainParams, type TrainOptions } from './train-options.js'
import { readVit, vitOnImages, type VitOptions } from './vit.js'

/** How a model that learns from the labels begins. */
export interface PretrainedOptions extends Options<typeof PRETRAINED_OPTIONS> {}

/** An anchor: its shape and however it is trained otherwise than the others. */
export interface AnchorOptions extends VitOptions, PretrainedOptions, Partial<TrainOptions> {}

export type Anchors = { readonly [name: string]: AnchorOptions }

/** Weights and training of a model that learns from the labels. */
export const readLabelTraining = (options: OptionReader): Pick<TeacherParams, 'weights' | 'train'> => {
  const { weights } = readOptions(PRETRAINED_OPTIONS, options)
  return { weights, train: readTrainParams(options, { pretrained: weights !== null }) }
}

/** Complete parameters of every anchor, by name, in the order in which they were written. */
export const readAnchors = (
  anchors: unknown,
  shared: unknown,
  data: DataParams,
  seed: number,
  place?: Place,
): readonly (readonly [name: string, params: TeacherParams])[] => {
  const known = namesOf(VIT_OPTIONS, PRETRAINED_OPTIONS, TRAIN_OPTIONS)
  return readNamed('anchors', anchors, known, shared, namesOf(TRAIN_OPTIONS), place).map(([name, options]) => {
    const shape = readVit(options)
    const model = vitOnImages(options, shape, data)
    return [name, { model, ...readLabelTraining(options), weightStart: shape.weightStart, seed }]
  })
}
