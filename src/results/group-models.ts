/** Models over the cells of a group: what each descendant scores on average. */
import type { CellGroup, At } from './group-cells.js'
import type { LatencyFigure, ModelRow } from './model-row.js'
import { markDominated, type Metric } from './pareto.js'
import type { CellResults } from './read-cell.js'
import { measuredOf, spreadOf, type CellValue } from './spread.js'

type Scores<A> = { readonly [M in Metric]: A }

/** A model of a group; its scores and times are means over the group's cells. Of a pipeline alone, `n` is 1. */
export interface ModelResult extends ModelRow {
  readonly at: At
  readonly n: number
  /** Sample standard deviations; null where there is one value. */
  readonly std: Scores<number | null>
  readonly values: Scores<readonly CellValue[]>
  /** Whether another model of the group is no larger, no dearer and no worse, and better in one of these. */
  readonly dominated: boolean
}

type Measurement = readonly [cell: CellResults, row: ModelRow]

const metrics = ['top1', 'top5', 'loss'] as const satisfies readonly Metric[]

/** The same descendant: cells of other grids may give an id to another one. */
const keyOf = ({ id, name, params, macs }: ModelRow): string => JSON.stringify([id, name, params, macs])

const meanLatency = (rows: readonly ModelRow[]): readonly LatencyFigure[] => {
  const batches = [...new Set(rows.flatMap(({ latency }) => latency.map(({ batch }) => batch)))].sort((a, b) => a - b)
  return batches.map((batch) => {
    const times = rows.flatMap(({ latency }) => latency.filter((time) => time.batch === batch))
    const mean = (name: 'medianMs' | 'p10Ms' | 'p90Ms'): number => spreadOf(times.map((time) => time[name]))!.mean
    return { batch, medianMs: mean('medianMs'), p10Ms: mean('p10Ms'), p90Ms: mean('p90Ms') }
  })
}

const scores = <A>(of: (metric: Metric) => A): Scores<A> => ({ top1: of('top1'), top5: of('top5'), loss: of('loss') })

const combine = (at: At, measurements: readonly Measurement[]): Omit<ModelResult, 'dominated'> => {
  const rows = measurements.map(([, row]) => row)
  const measured = Object.fromEntries(
    metrics.map((metric) => [
      metric,
      measuredOf(measurements.map(([{ cell }, row]) => ({ cell: cell.name, seed: cell.seed, value: row[metric] })))!,
    ]),
  )
  return {
    ...rows[0]!,
    ...scores((metric) => measured[metric]!.mean),
    latency: meanLatency(rows),
    at,
    n: rows.length,
    std: scores((metric) => measured[metric]!.std),
    values: scores((metric) => measured[metric]!.values),
  }
}

/** Every model of the group's cells, by id, with `dominated` by this metric. */
export const modelsOfGroup = ({ at, cells }: CellGroup, metric: Metric = 'top1'): readonly ModelResult[] => {
  const byKey = new Map<string, Measurement[]>()
  for (const one of cells) {
    for (const row of one.rows) {
      const measurements = byKey.get(keyOf(row)) ?? []
      measurements.push([one, row])
      byKey.set(keyOf(row), measurements)
    }
  }
  const models = [...byKey.values()]
    .map((measurements) => combine(at, measurements))
    .sort((a, b) => a.id - b.id || a.params - b.params)
  const dominated = markDominated(models, metric)
  return models.map((model, index) => ({ ...model, dominated: dominated[index]! }))
}
