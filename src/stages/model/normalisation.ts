/** How pixels are normalised before models read them: by the numbers that these models were trained with. */
import type { Json } from '../../dsl/nodes.js'
import { StageError } from '../../runtime/errors.js'

/** Of each channel, of pixels scaled to [0, 1]: `(x / 255 − mean) / std`. */
export interface Normalisation {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** What `config.json` says of a model; `mean` and `std` among it. */
type Metadata = Readonly<Record<string, Json>>

const isNumbers = (value: Json | undefined): value is readonly number[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'number')

/**
 * What these models' configurations agree on; undefined where none says anything, and the data's own numbers hold.
 * Throws a StageError where two models were trained on pixels that were normalised differently: one image cannot be
 * read by both.
 */
export const normalisationOf = (models: readonly { readonly metadata: Metadata }[]): Normalisation | undefined => {
  let common: Normalisation | undefined
  for (const { metadata } of models) {
    const { mean, std } = metadata
    if (!isNumbers(mean) || !isNumbers(std)) continue
    common ??= { mean, std }
    if (JSON.stringify(common) === JSON.stringify({ mean, std })) continue
    throw new StageError({
      message:
        `models that read the same images must have been trained with the same mean and std: one has ` +
        `${JSON.stringify(common)}, another ${JSON.stringify({ mean, std })}`,
    })
  }
  return common
}
