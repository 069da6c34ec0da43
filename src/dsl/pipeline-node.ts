import { deepFreeze } from './deep-freeze.js'
import { DefinitionError } from './definition-error.js'
import { checkDistinctNames } from './names.js'
import type { PipelineNode, Place, StageNode } from './nodes.js'

/** What every builder has in common: it can say which pipeline it stands for. */
export interface PipelineBuilder {
  /** The pipeline as it stands; a pipeline may stop after any step. */
  readonly toNode: () => PipelineNode
}

/** A whole pipeline from stages of which inputs come first. */
export const pipelineNode = (
  name: string,
  seed: number,
  stages: readonly StageNode[],
  place: Place | undefined,
): PipelineNode => {
  if (stages.length === 0) {
    throw new DefinitionError('empty', `pipeline '${name}' has no stages: write .data(mnist()) after it`, place)
  }
  const names = stages.map((stage) => stage.name)
  checkDistinctNames(`pipeline '${name}'`, names, place)
  return deepFreeze({ kind: 'pipeline', name, seed, stages, ...(place && { place }) })
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

const isStageNode = (value: unknown): boolean =>
  isObject(value) && typeof value['kind'] === 'string' && isObject(value['params']) && isObject(value['inputs'])

/** Whether `value` has the shape of a PipelineNode. */
export const isPipelineNode = (value: unknown): value is PipelineNode =>
  isObject(value) &&
  value['kind'] === 'pipeline' &&
  typeof value['name'] === 'string' &&
  Array.isArray(value['stages']) &&
  value['stages'].every(isStageNode)

/**
 * The pipeline that a value stands for: a PipelineNode itself, or a builder stopped at any step; undefined for anything
 * else. Throws a DefinitionError for a builder that has no stage yet. Goes by shape, so that a value made by another copy
 * of this package counts too.
 */
export const toPipelineNode = (value: unknown): PipelineNode | undefined => {
  if (isPipelineNode(value)) return value
  if (!isObject(value) || typeof value['toNode'] !== 'function') return undefined
  const node: unknown = value['toNode']()
  return isPipelineNode(node) ? node : undefined
}

/** Whether `value` is a pipeline or a builder of one. */
export const isPipeline = (value: unknown): value is PipelineNode | PipelineBuilder =>
  isPipelineNode(value) || (isObject(value) && typeof value['toNode'] === 'function')
