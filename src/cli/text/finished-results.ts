/** What a run ends with: its models, or the lines of its suite, as `genepool results` reads them. */
import * as Effect from 'effect/Effect'
import { warningsOf } from '../../results/experiment-results.js'
import { groupCells } from '../../results/group-cells.js'
import { modelsOfGroup } from '../../results/group-models.js'
import { readCells, type Cell } from '../../results/read-cells.js'
import type { FinishedCell } from '../../runtime/definition/cell-outcomes.js'
import type { StoreError } from '../../runtime/errors.js'
import type { StageGraph } from '../../runtime/definition/stage-graph.js'
import type { Store } from '../../runtime/store/store.js'
import { renderModelResults } from './models-table.js'
import { warn } from './result-notes.js'
import { renderSuite } from './suite-table.js'

/** The cells of a graph with what a run left of each. */
const cellsOf = (graph: StageGraph, finished: readonly FinishedCell[]): readonly Cell[] =>
  graph.cells.map(({ name, at, seed, stages }, index) => {
    const { manifests } = finished[index]!
    return {
      name,
      at,
      seed,
      stages: new Map([...stages].map(([stage, node]) => [stage, { node, manifest: manifests.get(stage) }])),
    }
  })

/** A table with an empty line before it; nothing where a pipeline has measured no model. */
export const renderFinished = Effect.fnUntraced(function* (
  graph: StageGraph,
  finished: readonly FinishedCell[],
  target: string,
): Effect.fn.Return<string, StoreError, Store> {
  const { cells, damaged } = yield* readCells(cellsOf(graph, finished))
  warn(warningsOf(damaged, target))
  if (graph.kind === 'suite') return `\n${renderSuite(finished, cells)}\n`
  const models = groupCells(cells, []).flatMap((group) => modelsOfGroup(group))
  return models.length === 0 ? '' : `\n${renderModelResults(models, { axes: [], spread: false })}\n`
})
