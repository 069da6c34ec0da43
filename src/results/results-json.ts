/** Results as JSON: what `results --json` prints a line each and what a report holds. */
import type { GroupResult } from './group-cells.js'
import type { ModelResult } from './group-models.js'

/** A model of a pipeline: one measurement, so no spread. */
export type PipelineModelJson = Omit<ModelResult, 'at' | 'n' | 'std' | 'values'>
export type ModelJson = PipelineModelJson | ModelResult
export type ResultJson = ModelJson | GroupResult

/** What a model of a pipeline is worth to a program; of a suite everything. */
export const modelJson = (kind: 'pipeline' | 'suite', model: ModelResult): ModelJson => {
  if (kind === 'suite') return model
  const { at: _at, n: _n, std: _std, values: _values, ...row } = model
  return row
}
