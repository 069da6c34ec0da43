/** What a file defines, one pipeline or a suite of them, with what the store holds of it. */
import type { AxisLabel, StageNode } from '../dsl/nodes.js'
import type { PlannedStage } from './events.js'
import type { ResolvedEngine } from './services.js'
import type { GraphCell } from './definition/stage-graph.js'
import type { Manifest } from './store/store.js'

export interface ExperimentStage {
  /** One object for all cells that share the stage; its name is unique in a suite: `teacher[seed=1]`. */
  readonly node: StageNode
  readonly planned: PlannedStage
  /** Its artifact, where the store has it. */
  readonly manifest: Manifest | undefined
}

export interface ExperimentCell extends Omit<GraphCell, 'stages'> {
  /** By the stage's name in this pipeline: `teacher`, `evaluate`. Inputs come first. */
  readonly stages: ReadonlyMap<string, ExperimentStage>
}

export interface Experiment {
  readonly kind: 'pipeline' | 'suite'
  readonly name: string
  /** The file that defines it, as it was named. */
  readonly file: string
  /** Axis → labels; empty for a pipeline alone. */
  readonly axes: Readonly<Record<string, readonly AxisLabel[]>>
  readonly seeds: readonly number[]
  /** One for a pipeline alone. */
  readonly cells: readonly ExperimentCell[]
  readonly engine: ResolvedEngine
}
