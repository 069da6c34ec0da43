/** Everything that an experiment has measured. */
import * as Effect from 'effect/Effect'
import type { CorruptArtifact, StoreError } from '../runtime/errors.js'
import type { Experiment } from '../runtime/experiment.js'
import type { Store } from '../runtime/store.js'
import { groupCells, summariseGroup, type GroupResult } from './group-cells.js'
import { modelsOfGroup, type ModelResult } from './group-models.js'
import type { Metric } from './pareto.js'
import { readCell, type CellResults } from './read-cell.js'

export interface ExperimentResults {
  readonly experiment: Experiment
  readonly cells: readonly CellResults[]
}

/** Reads and verifies every measurement. */
export const readResults = Effect.fnUntraced(function* (
  experiment: Experiment,
): Effect.fn.Return<ExperimentResults, CorruptArtifact | StoreError, Store> {
  return { experiment, cells: yield* Effect.forEach(experiment.cells, readCell) }
})

export const hasResults = ({ cells }: ExperimentResults): boolean => cells.some(({ rows }) => rows.length > 0)

export const axesOf = ({ experiment }: ExperimentResults): readonly string[] => Object.keys(experiment.axes)

/** One result a combination of these axes' labels, by default of all of them: cells that differ in their seed alone. */
export const groupResults = (
  results: ExperimentResults,
  axes: readonly string[] = axesOf(results),
): readonly GroupResult[] => groupCells(results.cells, axes).map(summariseGroup)

/** Every model of every such group. */
export const modelResults = (
  results: ExperimentResults,
  metric: Metric = 'top1',
  axes: readonly string[] = axesOf(results),
): readonly ModelResult[] => groupCells(results.cells, axes).flatMap((group) => modelsOfGroup(group, metric))
