/** The measured models of a pipeline: read from the artifact of its evaluation, printed as a table. */
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import { Store, type Manifest } from '../runtime/store.js'
import { count, percent } from './format.js'
import { renderTable } from './table.js'

/** One line of `descendants.jsonl`. `front` is the last front block, `end` the first end block; null for a single model. */
export interface ModelRow {
  readonly id: number
  readonly name: string
  readonly from: string | null
  readonly to: string | null
  readonly front: number | null
  readonly end: number | null
  readonly depth: number
  readonly params: number
  readonly paramsStored: number
  readonly macs: number
  readonly top1: number
  readonly top5: number
  readonly loss: number
}

const tableFile = 'descendants.jsonl'

/** The models of the first artifact that holds any, verified; undefined where no evaluation has run. */
export const readModels = Effect.fnUntraced(function* (manifests: Iterable<Manifest>) {
  const store = yield* Store
  for (const manifest of manifests) {
    const file = manifest.files[tableFile]
    if (file === undefined) continue
    yield* store.verify(manifest)
    const lines = fs.readFileSync(store.blob(file), 'utf8').trim().split('\n')
    return lines.map((line) => JSON.parse(line) as ModelRow)
  }
  return undefined
})

export const renderModels = (rows: readonly ModelRow[]): string =>
  renderTable<ModelRow>(
    [
      { title: 'id', cell: (row) => String(row.id) },
      { title: 'model', cell: (row) => row.name, align: 'left' },
      { title: 'blocks', cell: (row) => String(row.depth) },
      { title: 'params', cell: (row) => count(row.params) },
      { title: 'MACs', cell: (row) => count(row.macs) },
      { title: 'top-1', cell: (row) => percent(row.top1) },
      { title: 'top-5', cell: (row) => percent(row.top5) },
      { title: 'loss', cell: (row) => row.loss.toFixed(4) },
    ],
    rows,
  )
