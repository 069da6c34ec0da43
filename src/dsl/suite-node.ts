import type { SuiteNode } from './nodes.js'
import { isPipelineNode } from './pipeline-node.js'

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

const isCell = (value: unknown): boolean =>
  isObject(value) && typeof value['name'] === 'string' && isObject(value['at']) && isPipelineNode(value['pipeline'])

/** Whether `value` is a suite, as `suite(…)` makes it. Goes by shape, so that one made by another copy of this package counts. */
export const isSuite = (value: unknown): value is SuiteNode =>
  isObject(value) &&
  value['kind'] === 'suite' &&
  typeof value['name'] === 'string' &&
  isObject(value['axes']) &&
  Array.isArray(value['seeds']) &&
  Array.isArray(value['cells']) &&
  value['cells'].length > 0 &&
  value['cells'].every(isCell)
