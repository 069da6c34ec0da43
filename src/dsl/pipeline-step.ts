import { addUserStages } from './added-stages.js'
import { deepFreeze } from './deep-freeze.js'
import type { PipelineNode, Place, StageNode } from './nodes.js'
import { checkTimeouts } from './timeout-options.js'
import { pipelineNode, type PipelineBuilder } from './pipeline-node.js'
import { placeOfCall } from './place.js'
import { checkUserStages, type UserStage } from './stage.js'

/** A pipeline as far as it is written. */
export interface Definition {
  readonly name: string
  readonly seed: number
  readonly place: Place | undefined
  readonly timeouts: PipelineNode['timeouts']
  readonly stages: readonly StageNode[]
  /** Stages of the user's own; what they read may be written after them. */
  readonly added: readonly UserStage[]
}

/** A node as it stays: frozen, with its place where that is known. */
export const placed = <Node extends StageNode>(node: Node, place: Place | undefined): Node =>
  deepFreeze(place === undefined ? node : { ...node, place })

/** `definition` with more stages; the old one is as it was. */
export const extend = (definition: Definition, stages: readonly StageNode[]): Definition => ({
  ...definition,
  stages: [...definition.stages, ...stages],
})

/** The pipeline that a definition stands for. */
export const finish = ({ name, seed, stages, added, place, timeouts }: Definition): PipelineNode => {
  const node = pipelineNode(name, seed, addUserStages(name, stages, added), place)
  return timeouts === undefined ? node : deepFreeze({ ...node, timeouts: checkTimeouts(timeouts, node.stages, place) })
}

/** One step of the builder. */
export abstract class Step implements PipelineBuilder {
  protected readonly definition: Definition

  constructor(definition: Definition) {
    this.definition = Object.freeze(definition)
  }

  /** The same step of another definition. */
  protected abstract with(definition: Definition): this

  /**
   * Stages of the user's own, and with them the stages that they read. Those that they name may come before or after
   * in the pipeline: `.add(confusion)` may stand before the `.evaluate()` whose artifact `confusion` reads.
   */
  add(...stages: readonly UserStage[]): this {
    checkUserStages(stages, placeOfCall())
    return this.with({ ...this.definition, added: [...this.definition.added, ...stages] })
  }

  /** The pipeline as it stands: it may stop here. */
  toNode(): PipelineNode {
    return finish(this.definition)
  }
}
