/** Models whose weights come from outside: `pretrained('path', { … })`. */
import { isObject } from '../base/objects.js'
import { deepFreeze } from './nodes.js'
import { OptionReader } from './option-reader.js'
import { PRETRAINED_OPTIONS, VIT_OPTIONS } from './option-tables.js'
import { namesOf, readOptions, type Options } from './options.js'
import { placeOfCall } from './place.js'
import { readVit, type VitOptions, type VitSpec } from './vit.js'

/** The model that the weights are of, and whether their head is kept. */
export type PretrainedShape<EmbedDim extends number = number> = VitOptions<EmbedDim> &
  Pick<Options<typeof PRETRAINED_OPTIONS>, 'head'>

/** A vision transformer with its weights, as it is written down. */
export interface PretrainedSpec<EmbedDim extends number = number> extends VitSpec<EmbedDim> {
  readonly weights: string
  readonly head: 'kept' | 'new'
}

/**
 * A model with weights of timm, transformers or genepool (docs/pretrained.md): for `.teacher(…)` and as one of
 * `.anchors({ … })`. `path` is a safetensors file, the index of several, or a folder, from the pipeline file's folder
 * on, or `hf:owner/name[@revision]`, which `genepool fetch` has brought. The shape is written down, because a
 * definition reads no files; `genepool inspect PATH` prints it, and weights of another one are refused. Throws a
 * DefinitionError for a shape that cannot be.
 */
export const pretrained = <const EmbedDim extends number>(
  path: string,
  shape: PretrainedShape<EmbedDim>,
): PretrainedSpec<EmbedDim> => {
  const place = placeOfCall()
  const known = [...namesOf(VIT_OPTIONS), 'head']
  const own = new OptionReader([{ path: 'pretrained', options: { weights: path }, known: ['weights'] }], place)
  const weights = own.text('weights')
  const reader = new OptionReader([{ path: 'pretrained', options: shape, known }], place)
  const { head } = readOptions({ head: PRETRAINED_OPTIONS.head }, reader)
  return deepFreeze({ kind: 'vit', ...readVit(reader), embedDim: shape.embedDim, weights, head })
}

/** Whether `pretrained` has made it. */
export const isPretrained = (value: unknown): value is PretrainedSpec =>
  isObject(value) && value['kind'] === 'vit' && typeof value['weights'] === 'string'

/** The same as options of an anchor; what is open is left out. */
export const pretrainedOptions = ({ kind: _, ...spec }: PretrainedSpec): object =>
  Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== null))
