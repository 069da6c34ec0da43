/** What all steps of the pipeline builder have in common, and how a pipeline is told from other values. */
import { isObject } from '../base/objects.js'
import { durationWords, parseDuration } from './amounts.js'
import { DefinitionError } from './definition-error.js'
import { checkDistinctNames, closest } from './names.js'
import { deepFreeze, type PipelineNode, type StageNode } from './nodes.js'
import { shown, type OptionReader } from './option-reader.js'
import { placeOfCall, type Place } from './place.js'
import { addUserStages, checkUserStages, type UserStage } from './stage.js'

/** What every builder has in common: it can say which pipeline it stands for. */
export interface PipelineBuilder {
  /** The pipeline as it stands; a pipeline may stop after any step. */
  readonly toNode: () => PipelineNode
}

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
 * else. Throws a DefinitionError for a builder that has no stage yet. Goes by shape, so that a value made by another
 * copy of this package counts too.
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

type Timeouts = NonNullable<PipelineNode['timeouts']>

const msOf = (options: OptionReader, path: string, value: unknown): number => {
  const ms = parseDuration(value)
  return ms ?? options.fail('wrongType', 'timeout', `${path}is ${shown(value)}: write ${durationWords}`)
}

/** Milliseconds by stage; '' stands for all that have none of their own. */
export const readTimeouts = (options: OptionReader, value: unknown): Timeouts | undefined => {
  if (value === undefined) return undefined
  if (!isObject(value)) return { '': msOf(options, '', value) }
  return Object.fromEntries(
    Object.entries(value).map(([stage, each]) => [stage, msOf(options, `of ${JSON.stringify(stage)} `, each)]),
  )
}

/** Refuses a limit of a stage that the pipeline does not have. */
const checkTimeouts = (timeouts: Timeouts, stages: readonly StageNode[], place: Place | undefined): void => {
  const names = [...new Set(stages.flatMap(({ name }) => [name, name.split('/')[0]!]))]
  const stranger = Object.keys(timeouts).find((name) => name !== '' && !names.includes(name))
  if (stranger === undefined) return
  const meant = closest(stranger, names)
  const advice = meant === undefined ? `its stages are ${names.join(', ')}` : `did you mean ${meant}?`
  throw new DefinitionError('unknownOption', `pipeline.timeout: there is no stage '${stranger}': ${advice}`, place)
}

/** A pipeline as far as it is written. */
export interface PipelineDraft {
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

/** `draft` with more stages; the old one is as it was. */
export const extend = (draft: PipelineDraft, stages: readonly StageNode[]): PipelineDraft => ({
  ...draft,
  stages: [...draft.stages, ...stages],
})

/** The pipeline that a draft stands for. */
export const finish = ({ name, seed, place, timeouts, ...draft }: PipelineDraft): PipelineNode => {
  const stages = addUserStages(name, draft.stages, draft.added)
  if (stages.length === 0) {
    throw new DefinitionError('empty', `pipeline '${name}' has no stages: write .data(mnist()) after it`, place)
  }
  const names = stages.map((stage) => stage.name)
  checkDistinctNames(`pipeline '${name}'`, names, place)
  if (timeouts !== undefined) checkTimeouts(timeouts, stages, place)
  return deepFreeze({ kind: 'pipeline', name, seed, stages, ...(place && { place }), ...(timeouts && { timeouts }) })
}

/** One step of the builder. */
export abstract class PipelineStep implements PipelineBuilder {
  protected readonly draft: PipelineDraft

  constructor(draft: PipelineDraft) {
    this.draft = Object.freeze(draft)
  }

  /** The same step of another draft. */
  protected abstract with(draft: PipelineDraft): this

  /**
   * Stages of the user's own, and with them the stages that they read. Those that they name may come before or after
   * in the pipeline: `.add(confusion)` may stand before the `.evaluate()` whose artifact `confusion` reads.
   */
  add(...stages: readonly UserStage[]): this {
    checkUserStages(stages, placeOfCall())
    return this.with({ ...this.draft, added: [...this.draft.added, ...stages] })
  }

  /** The pipeline as it stands: it may stop here. */
  toNode(): PipelineNode {
    return finish(this.draft)
  }
}
