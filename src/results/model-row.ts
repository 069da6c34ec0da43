/** What a stage stores of each model that it measured: a line in `descendants.jsonl`, and times in `latency.jsonl`. */
import * as Schema from 'effect/Schema'

const figure = Schema.Number
const span = Schema.Tuple([Schema.Number, Schema.Number])

const DescendantRowSchema = Schema.Struct({
  id: figure,
  name: Schema.String,
  models: Schema.Array(Schema.String),
  positions: Schema.Array(span),
  depth: figure,
  params: figure,
  paramsStored: figure,
  macs: figure,
  top1: figure,
  /** Null where the data have fewer than six classes. */
  top5: Schema.NullOr(figure),
  /** Null where it was not a number: logits that overflowed. */
  loss: Schema.NullOr(figure),
})

const LatencyRowSchema = Schema.Struct({
  id: figure,
  name: Schema.String,
  latency: Schema.Array(Schema.Struct({ batch: figure, medianMs: figure, p10Ms: figure, p90Ms: figure })),
})

/**
 * One measured model. `models` are the students that it runs through, `positions` the stitches between them (last block
 * of the one, first of the next): none for a single model. Shares of one for `top1` and `top5`.
 */
export type DescendantRow = typeof DescendantRowSchema.Type

/** Milliseconds of one pass: the median and the 10th and 90th percentile. */
export type LatencyFigure = (typeof LatencyRowSchema.Type)['latency'][number]
export type LatencyRow = typeof LatencyRowSchema.Type

/** A model with its times, in the order of the batches; none where nothing was timed. */
export type ModelRow = DescendantRow & { readonly latency: readonly LatencyFigure[] }

const readLines =
  <A>(decode: (input: unknown) => A) =>
  (text: string): readonly A[] =>
    text
      .split('\n')
      .map((line, index) => [line, index + 1] as const)
      .filter(([line]) => line.trim() !== '')
      .map(([line, number]) => {
        try {
          return decode(JSON.parse(line))
        } catch (cause) {
          throw new Error(`line ${number} is not as it should be`, { cause })
        }
      })

/** Throws an Error that names the first line that does not fit the schema. */
export const readDescendantRows = readLines<DescendantRow>(Schema.decodeUnknownSync(DescendantRowSchema))
export const readLatencyRows = readLines<LatencyRow>(Schema.decodeUnknownSync(LatencyRowSchema))

/** Batches of which some model has a time, in ascending order. */
export const batchesOf = (models: readonly Pick<ModelRow, 'latency'>[]): readonly number[] =>
  [...new Set(models.flatMap(({ latency }) => latency.map(({ batch }) => batch)))].sort((a, b) => a - b)

/** Each model with its times, found by id. */
export const joinLatency = (rows: readonly DescendantRow[], times: readonly LatencyRow[]): readonly ModelRow[] => {
  const byId = new Map(times.map(({ id, latency }) => [id, latency]))
  return rows.map((row) => ({
    ...row,
    latency: [...(byId.get(row.id) ?? [])].sort((a, b) => a.batch - b.batch),
  }))
}
