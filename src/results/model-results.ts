/** Models over the cells of a group: what each descendant scores on average, and its line of JSON. */
import type { CellResults, CellRow } from './cell-results.js'
import { type AxisLabels, type CellGroup, distinctBy, type GroupResult } from './group-results.js'
import type { NamedFigure } from './figures.js'
import { batchesOf, type LatencyFigure, type ModelRow } from './model-row.js'
import { markDominated, type Metric } from './pareto.js'
import { type CellValue, measuredOf, spreadOf } from './statistics.js'

type Scores<A> = { readonly [M in Metric]: A }

/**
 * A model of a group: its scores and times are means over the `n` measurements of the group's cells; cells that share
 * an evaluation count once. For a single pipeline `n` is 1. The mean loss leaves out cells where it was not a number.
 */
export interface ModelResult extends ModelRow {
  readonly at: AxisLabels
  readonly n: number
  /** Sample standard deviations; null where there is one value. */
  readonly std: Scores<number | null>
  readonly values: Scores<readonly CellValue[]>
  /** Whether another model has no more parameters and MACs and no lower score, and is better in one of them. */
  readonly dominated: boolean
}

type Measurement = readonly [cell: CellResults, row: CellRow]

/** Identifies a descendant across cells: with another stitch grid the same id may be another model. */
const keyOf = ({ id, name, params, macs }: ModelRow): string => JSON.stringify([id, name, params, macs])

const meanLatency = (rows: readonly ModelRow[]): readonly LatencyFigure[] => {
  return batchesOf(rows).map((batch) => {
    const times = rows.flatMap(({ latency }) => latency.filter((time) => time.batch === batch))
    const mean = (name: 'medianMs' | 'p10Ms' | 'p90Ms'): number => spreadOf(times.map((time) => time[name]))!.mean
    return { batch, medianMs: mean('medianMs'), p10Ms: mean('p10Ms'), p90Ms: mean('p90Ms') }
  })
}

const scores = <A>(of: (metric: Metric) => A): Scores<A> => ({ top1: of('top1'), top5: of('top5'), loss: of('loss') })

const combine = (at: AxisLabels, measurements: readonly Measurement[]): Omit<ModelResult, 'dominated'> => {
  const rows = measurements.map(([, row]) => row)
  const { source: _source, split: _split, ...first } = rows[0]
  const values = scores((metric) =>
    measurements.flatMap(([{ cell }, row]): readonly CellValue[] => {
      const value = row[metric]
      return value === null ? [] : [{ cell: cell.name, seed: cell.seed, value }]
    }),
  )
  const spreads = scores((metric) => measuredOf(values[metric]))
  return {
    ...first,
    top1: spreads.top1!.mean,
    top5: spreads.top5?.mean ?? null,
    loss: spreads.loss?.mean ?? null,
    latency: meanLatency(rows),
    at,
    n: rows.length,
    std: scores((metric) => spreads[metric]?.std ?? null),
    values,
  }
}

/** Every model of the group's cells, by id, with `dominated` by this metric. */
export const modelsOfGroup = ({ at, used }: CellGroup, metric: Metric = 'top1'): readonly ModelResult[] => {
  const byKey = new Map<string, Measurement[]>()
  for (const one of used) {
    for (const row of one.rows) {
      const key = keyOf(row)
      const measurements = byKey.get(key)
      if (measurements === undefined) byKey.set(key, [[one, row]])
      else measurements.push([one, row])
    }
  }
  const models = [...byKey.values()]
    .map((measurements) =>
      combine(
        at,
        distinctBy(measurements, ([, { source }]) => source),
      ),
    )
    .sort((a, b) => a.id - b.id || a.params - b.params)
  const dominated = markDominated(models, metric)
  return models.map((model, index) => ({ ...model, dominated: dominated[index] }))
}

/** A model of a single pipeline in JSON: one measurement, so no spread. */
type PipelineModelJson = Omit<ModelResult, 'at' | 'n' | 'std' | 'values'>

export type ModelJson = PipelineModelJson | ModelResult

/** One line of `results --json`. */
export type ResultJson = ModelJson | GroupResult | NamedFigure

/** A model as `results --json` prints it and a report embeds it. */
export const modelJson = (kind: 'pipeline' | 'suite', model: ModelResult): ModelJson => {
  if (kind === 'suite') return model
  const { at: _at, n: _n, std: _std, values: _values, ...row } = model
  return row
}
