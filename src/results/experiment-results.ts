/** Everything that an experiment has measured, by cell, by group and by model. */
import * as Effect from 'effect/Effect'
import type { StageNode } from '../dsl/nodes.js'
import type { StoreError } from '../runtime/errors.js'
import type { Experiment, ExperimentStage } from '../runtime/plan/experiment.js'
import type { Store } from '../runtime/store/store.js'
import { hasModels, ownFigures } from './figures.js'
import {
  type CellGroup,
  groupCells,
  type GroupResult,
  overCommonCells,
  seedAxis,
  summariseGroup,
} from './group-results.js'
import { type ModelResult, modelsOfGroup } from './model-results.js'
import type { Metric } from './pareto.js'
import { type CellResults, readCellResults } from './cell-results.js'

export interface ExperimentResults {
  /** Without artifacts that are damaged. */
  readonly experiment: Experiment
  readonly cells: readonly CellResults[]
  /** Sentences about artifacts that are damaged and count as missing. */
  readonly warnings: readonly string[]
}

/** The experiment as it would be planned without the artifacts of these stages. */
const withoutStages = (experiment: Experiment, gone: ReadonlyMap<StageNode, string>): Experiment => {
  if (gone.size === 0) return experiment
  const stageOf = (stage: ExperimentStage): ExperimentStage =>
    gone.has(stage.node) ? { ...stage, planned: { ...stage.planned, status: 'run' }, manifest: undefined } : stage
  return {
    ...experiment,
    cells: experiment.cells.map((cell) => ({
      ...cell,
      stages: new Map([...cell.stages].map(([name, stage]) => [name, stageOf(stage)])),
    })),
  }
}

/** One sentence for each damaged stage, which says what to do. */
export const warningsOf = (damaged: ReadonlyMap<StageNode, string>, target: string): readonly string[] =>
  [...damaged].map(([{ name }, why]) => `${name} counts as missing: ${why}; genepool run ${target} makes it again`)

/** Reads and verifies every measurement; what is damaged counts as missing. */
export const readResults = Effect.fnUntraced(function* (
  experiment: Experiment,
): Effect.fn.Return<ExperimentResults, StoreError, Store> {
  const { cells, damaged } = yield* readCellResults(experiment.cells)
  return { experiment: withoutStages(experiment, damaged), cells, warnings: warningsOf(damaged, experiment.file) }
})

/** Whether some cell has a stage that measures models, be it there or not. */
export const evaluates = ({ cells }: ExperimentResults): boolean => cells.some((cell) => cell.evaluates)

/** Whether there is a figure to show: of a suite a number, since its lines are means. */
export const hasFigures = ({ experiment, cells }: ExperimentResults): boolean =>
  cells.some(({ figures }) =>
    Object.values(figures).some(({ value }) => experiment.kind === 'pipeline' || typeof value === 'number'),
  )

/**
 * Whether it has what it is there for: measured models, or figures of the user's own stages; where it measures no
 * models, any figure.
 */
export const hasResults = (results: ExperimentResults): boolean =>
  hasModels(results.cells) || (hasFigures(results) && (!evaluates(results) || ownFigures(results.cells).length > 0))

export const axesOf = ({ experiment }: ExperimentResults): readonly string[] => Object.keys(experiment.axes)

/** All other axes, the seed among them: they tell apart the cells of one group. */
export const otherAxesOf = (results: ExperimentResults, axes: readonly string[]): readonly string[] =>
  [...new Set([...axesOf(results), seedAxis])].filter((axis) => !axes.includes(axis))

/** A group for each combination of all axes' labels: cells that differ in their seed alone. */
const groupsOfAll = (results: ExperimentResults): readonly CellGroup[] => groupCells(results.cells, axesOf(results))

/** A group for each combination of these axes' labels, compared over the cells that all of them have. */
export const groupsBy = (results: ExperimentResults, axes: readonly string[]): readonly CellGroup[] =>
  overCommonCells(groupCells(results.cells, axes), otherAxesOf(results, axes))

const groupsOf = (results: ExperimentResults, by: readonly string[] | undefined): readonly CellGroup[] =>
  by === undefined ? groupsOfAll(results) : groupsBy(results, by)

/** One result for each combination of labels on these axes, over common cells; by default on all axes, over seeds. */
export const groupResults = (results: ExperimentResults, by?: readonly string[]): readonly GroupResult[] =>
  groupsOf(results, by).map(summariseGroup)

/** Every model of every group, grouped as in `groupResults`. */
export const modelResults = (
  results: ExperimentResults,
  metric: Metric = 'top1',
  by?: readonly string[],
): readonly ModelResult[] => groupsOf(results, by).flatMap((group) => modelsOfGroup(group, metric))
