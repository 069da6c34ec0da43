import { deepFreeze } from './deep-freeze.js'
import type { PipelineNode, Place, StageNode } from './nodes.js'
import { pipelineNode, type PipelineBuilder } from './pipeline-node.js'

/** A pipeline as far as it is written. */
export interface Definition {
  readonly name: string
  readonly seed: number
  readonly place: Place | undefined
  readonly stages: readonly StageNode[]
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
export const finish = ({ name, seed, stages, place }: Definition): PipelineNode =>
  pipelineNode(name, seed, stages, place)

/** One step of the builder. */
export abstract class Step implements PipelineBuilder {
  protected readonly definition: Definition

  constructor(definition: Definition) {
    this.definition = Object.freeze(definition)
  }

  /** The pipeline as it stands: it may stop here. */
  toNode(): PipelineNode {
    return finish(this.definition)
  }
}
