/** The measured models as a table. */
import type { ModelResult } from '../../results/group-models.js'
import { batchesOf, dominatedLegend, modelColumns } from '../../results/model-columns.js'
import { renderTable } from './table.js'

export interface ModelTableOptions {
  readonly axes: readonly string[]
  readonly spread: boolean
  readonly stored?: boolean
}

/** Rows with what people need to read them: which are dominated, and what the times are. */
export const renderModelResults = (models: readonly ModelResult[], options: ModelTableOptions): string => {
  const batches = batchesOf(models)
  const table = renderTable(modelColumns({ ...options, batches }), models)
  const legends = [
    ...(batches.length === 0 ? [] : [`batch ${batches.join(', batch ')}: median time of a pass over so many images`]),
    ...(models.some(({ dominated }) => dominated) ? [dominatedLegend] : []),
  ]
  return [table, ...(legends.length === 0 ? [] : ['']), ...legends].join('\n')
}
