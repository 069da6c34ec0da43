/** The measured models as a table. */
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import type { ModelResult } from '../results/group-models.js'
import { batchesOf, dominatedLegend, modelColumns } from '../results/model-columns.js'
import { joinLatency, readDescendantRows, readLatencyRows, type ModelRow } from '../results/model-row.js'
import { markDominated } from '../results/pareto.js'
import { Store, type Manifest } from '../runtime/store.js'
import { renderTable } from './table.js'

const files = { rows: 'descendants.jsonl', times: 'latency.jsonl' }

/** The models that these artifacts hold, verified; undefined where none was measured. */
export const readModels = Effect.fnUntraced(function* (manifests: Iterable<Manifest>) {
  const store = yield* Store
  const texts: Record<keyof typeof files, string> = { rows: '', times: '' }
  for (const manifest of manifests) {
    for (const [part, name] of Object.entries(files)) {
      const file = manifest.files[name]
      if (file === undefined) continue
      yield* store.verify(manifest)
      texts[part as keyof typeof files] += fs.readFileSync(store.blob(file), 'utf8')
    }
  }
  if (texts.rows === '') return undefined
  return joinLatency(readDescendantRows(texts.rows), readLatencyRows(texts.times))
})

export interface ModelTableOptions {
  readonly axes: readonly string[]
  readonly spread: boolean
  readonly stored?: boolean
}

/** Rows with what people need to read them: which are dominated, and what the times are. */
export const renderModelResults = (models: readonly ModelResult[], options: ModelTableOptions): string => {
  const batches = batchesOf(models)
  const table = renderTable(modelColumns({ ...options, batches }), models)
  const legends = [
    ...(batches.length === 0 ? [] : [`batch ${batches.join(', batch ')}: median time of a pass over so many images`]),
    ...(models.some(({ dominated }) => dominated) ? [dominatedLegend] : []),
  ]
  return [table, ...(legends.length === 0 ? [] : ['']), ...legends].join('\n')
}

const alone = (row: ModelRow, dominated: boolean): ModelResult => {
  const std = { top1: null, top5: null, loss: null }
  const values = { top1: [], top5: [], loss: [] }
  return { ...row, at: {}, n: 1, std, values, dominated }
}

/** The models of one pipeline. */
export const renderModels = (rows: readonly ModelRow[]): string => {
  const dominated = markDominated(rows)
  return renderModelResults(
    rows.map((row, index) => alone(row, dominated[index]!)),
    { axes: [], spread: false },
  )
}
