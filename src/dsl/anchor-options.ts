/** Models that learn from the labels: the teacher and anchors. */
import { isObject } from '../base/objects.js'
import type { DataParams, TeacherParams } from './nodes.js'
import { readNamed, type OptionReader } from './option-reader.js'
import { PRETRAINED_OPTIONS, TRAIN_OPTIONS, VIT_OPTIONS } from './option-tables.js'
import { namesOf, readOptions, type Options } from './options.js'
import type { Place } from './place.js'
import { readTrainParams, type TrainOptions } from './train-options.js'
import { isPretrained, pretrainedOptions, type PretrainedSpec } from './pretrained.js'
import { readVit, vitOnImages, type VitOptions } from './vit.js'

/** How a model that learns from the labels begins. */
export interface PretrainedOptions extends Options<typeof PRETRAINED_OPTIONS> {}

/** An anchor: its shape and however it is trained otherwise than the others. */
export interface AnchorOptions extends VitOptions, PretrainedOptions, Partial<TrainOptions> {}

export type Anchors = { readonly [name: string]: AnchorOptions | PretrainedSpec }

/** Weights and training of a model that learns from the labels. */
export const readLabelTraining = (
  options: OptionReader,
  data: DataParams,
): Pick<TeacherParams, 'weights' | 'head' | 'train'> => {
  const { weights, head } = readOptions(PRETRAINED_OPTIONS, options)
  if (head === 'new' && weights === null) {
    options.fail('mismatch', 'head', "is 'new', but there are no weights whose own could be kept: leave it out")
  }
  return {
    weights,
    ...(head === 'new' && { head }),
    train: readTrainParams(options, data, { pretrained: weights !== null }),
  }
}

/** Models that `pretrained` has described, as options. */
const withPretrained = (anchors: unknown): unknown =>
  isObject(anchors)
    ? Object.fromEntries(
        Object.entries(anchors).map(([name, each]) => [name, isPretrained(each) ? pretrainedOptions(each) : each]),
      )
    : anchors

/** Complete parameters of every anchor, by name, in the order in which they were written. */
export const readAnchors = (
  anchors: unknown,
  shared: unknown,
  data: DataParams,
  seed: number,
  place?: Place,
): readonly (readonly [name: string, params: TeacherParams])[] => {
  const known = namesOf(VIT_OPTIONS, PRETRAINED_OPTIONS, TRAIN_OPTIONS)
  return readNamed('anchors', withPretrained(anchors), known, shared, namesOf(TRAIN_OPTIONS), place).map(
    ([name, options]) => {
      const shape = readVit(options)
      const model = vitOnImages(options, shape, data)
      return [name, { model, ...readLabelTraining(options, data), weightStart: shape.weightStart, seed }]
    },
  )
}
