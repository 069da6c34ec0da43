/** What one cell has measured, read from its artifacts. */
import * as Effect from 'effect/Effect'
import type { CorruptArtifact, StoreError } from '../runtime/errors.js'
import type { ExperimentCell } from '../runtime/experiment.js'
import type { Manifest, Store } from '../runtime/store.js'
import { figuresOf } from './cell-figures.js'
import { joinLatency, readDescendantRows, readLatencyRows, type ModelRow } from './model-row.js'
import { readStored } from './stored-text.js'

export interface CellResults {
  readonly cell: ExperimentCell
  /** The measured models by id; none where no evaluation is there. */
  readonly rows: readonly ModelRow[]
  /** Figures of the whole cell by name (cell-figures.ts). */
  readonly figures: Readonly<Record<string, number>>
  /** Stages whose artifacts are not there. */
  readonly missing: readonly string[]
}

const manifestsOf = (cell: ExperimentCell, kinds: readonly string[]): readonly Manifest[] =>
  [...cell.stages.values()].flatMap(({ node, manifest }) =>
    manifest !== undefined && kinds.includes(node.kind) ? [manifest] : [],
  )

/** Lines of a file of these artifacts, one after another. */
const readFiles = Effect.fnUntraced(function* <A>(
  manifests: readonly Manifest[],
  name: string,
  read: (text: string) => readonly A[],
): Effect.fn.Return<readonly A[], CorruptArtifact | StoreError, Store> {
  const files = yield* Effect.forEach(manifests, (manifest) => readStored(manifest, name, read))
  return files.flatMap((lines) => lines ?? [])
})

/** The rows of every evaluation and single model of the cell, with their times. */
export const readCell = Effect.fnUntraced(function* (
  cell: ExperimentCell,
): Effect.fn.Return<CellResults, CorruptArtifact | StoreError, Store> {
  const measured = yield* readFiles(manifestsOf(cell, ['evaluate', 'single']), 'descendants.jsonl', readDescendantRows)
  const times = yield* readFiles(manifestsOf(cell, ['latency']), 'latency.jsonl', readLatencyRows)
  const rows = [...joinLatency(measured, times)].sort((a, b) => a.id - b.id)
  const missing = [...cell.stages].flatMap(([name, { manifest }]) => (manifest === undefined ? [name] : []))
  return { cell, rows, figures: figuresOf(rows, cell.stages), missing }
})
