/**
 * What an exported model says of itself: what it runs, what is done to an image before, its classes, where it comes
 * from. It is `config.json` beside weights of a stitched model, and the metadata of an ONNX file.
 */
import type { Json } from '../../dsl/nodes.js'
import { isObject } from '../../base/objects.js'
import { ModelFileError } from '../model/model-file-error.js'
import { parseConfig } from '../model/model-files.js'
import type { DescendantIdentity } from '../model/loaded-model.js'
import type { Segment } from '../stitching/grid.js'
import type { RunPlan } from '../stitching/run-plan.js'
import { ConfigFields } from './weight-format.js'

/** What becomes of an image before the model reads it. */
export interface PreprocessingSteps {
  /** Pixels a side. */
  readonly size: number
  readonly channels: number
  /** Of pixels scaled to [0, 1], by channel: `(x / 255 − mean) / std`. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
  /** Of pictures: the share of the resized picture's side that is kept, and how it is resized. */
  readonly crop?: number
  readonly interpolation?: string
}

export interface ModelDescription {
  readonly plan: RunPlan
  readonly descendant?: DescendantIdentity
  readonly preprocessing: PreprocessingSteps
  /** By class. */
  readonly classNames?: readonly string[]
  /** Pipeline, stage, fingerprint, and the scores that were measured before the export. */
  readonly provenance: Readonly<Record<string, Json>>
}

const FORMAT = 'genepool-model-1'

/** Segments name their models. */
export const descriptionJson = (description: ModelDescription): Readonly<Record<string, unknown>> => {
  const { plan, descendant, preprocessing, classNames, provenance } = description
  const names = Object.keys(plan.models)
  return {
    format: FORMAT,
    ...(descendant && { descendant }),
    models: plan.models,
    path: plan.path.map(({ model, first, last, stitch }) => ({ model: names[model], first, last, stitch })),
    finalNorm: plan.finalNorm,
    preprocessing,
    ...(classNames && { classNames }),
    provenance,
  }
}

export const isDescription = (json: Readonly<Record<string, unknown>>): boolean => json['format'] === FORMAT

/** The texts that an ONNX file holds, by key: JSON each. */
export const descriptionTexts = (description: ModelDescription): Readonly<Record<string, string>> => {
  const { preprocessing, classNames = null, provenance, ...model } = descriptionJson(description)
  const parts = { preprocessing, class_names: classNames, provenance, model }
  return Object.fromEntries(Object.entries(parts).map(([key, value]) => [key, JSON.stringify(value)]))
}

/** What these texts say. Throws a ModelFileError where they are not those of a model that genepool exported. */
export const descriptionInTexts = (texts: Readonly<Record<string, string>>, path: string): ModelDescription => {
  const parse = (key: string): unknown => {
    try {
      return JSON.parse(texts[key] ?? 'null')
    } catch (cause) {
      throw new ModelFileError(`${path}: its metadata ${key} is not JSON`, { cause })
    }
  }
  const model = parse('model')
  if (!isObject(model) || !isDescription(model)) {
    throw new ModelFileError(`${path}: its metadata do not say what it is; only what genepool exported can be loaded`)
  }
  const [preprocessing, classNames, provenance] = ['preprocessing', 'class_names', 'provenance'].map(parse)
  return parseDescription({ ...model, preprocessing, classNames: classNames ?? undefined, provenance }, path)
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string')

/** Throws a ModelFileError that names the field which is not as it should be. */
export const parseDescription = (json: Readonly<Record<string, unknown>>, path: string): ModelDescription => {
  const fields = new ConfigFields(path, json)
  const stated = fields.value('models')
  if (!isObject(stated) || Object.keys(stated).length === 0) return fields.fail('models', 'names no model')
  const models = Object.fromEntries(
    Object.entries(stated).map(([name, config]) => [name, parseConfig(JSON.stringify(config), path).config]),
  )
  const names = Object.keys(models)
  const segments = fields.value('path')
  if (!Array.isArray(segments) || segments.length === 0) return fields.fail('path', 'is no list of segments')
  const planned = segments.map((segment: unknown, at): Segment => {
    const { model, first, last, stitch } = isObject(segment) ? segment : {}
    const index = names.indexOf(String(model))
    const isWhole = Number.isInteger(first) && Number.isInteger(last) && index >= 0
    const fits = isWhole && 0 <= Number(first) && first! <= last! && Number(last) < models[names[index]].depth
    if (!fits || (at === 0 ? stitch !== null : typeof stitch !== 'string')) {
      return fields.fail('path', `has a segment ${JSON.stringify(segment)}, which is none of its models`)
    }
    return { model: index, first: Number(first), last: Number(last), stitch: at === 0 ? null : String(stitch) }
  })
  const shape = models[names[planned.at(-1)!.model]]
  const [classNames, provenance, descendant] = ['classNames', 'provenance', 'descendant'].map((name) =>
    fields.value(name),
  )
  if (classNames !== undefined && !(isTexts(classNames) && classNames.length === shape.numClasses)) {
    fields.fail('classNames', `are not ${shape.numClasses} texts`)
  }
  const steps = fields.within('preprocessing')
  const [mean, std] = ['mean', 'std'].map((name) => {
    const values = steps.channels(name)
    return values?.length === shape.channels ? values : steps.fail(name, `is not ${shape.channels} numbers`)
  })
  if (std.some((value) => !(value > 0))) steps.fail('std', 'is not numbers above 0')
  const interpolation = steps.value('interpolation')
  return {
    plan: { models, path: planned, finalNorm: fields.value('finalNorm') !== false },
    ...(isObject(descendant) && {
      descendant: { id: Number(descendant['id']), name: String(descendant['name']) },
    }),
    preprocessing: {
      size: shape.imageSize,
      channels: shape.channels,
      mean,
      std,
      ...(steps.value('crop') !== undefined && { crop: steps.number('crop') }),
      ...(typeof interpolation === 'string' && { interpolation }),
    },
    ...(isTexts(classNames) && { classNames }),
    provenance: isObject(provenance) ? (provenance as Readonly<Record<string, Json>>) : {},
  }
}
