/** Opening an exported pool from code. ONNX Runtime is imported with the first pool. */
import type { OpenPool } from './stages/export/open-pool.js'

export type { OpenPool, PooledModel } from './stages/export/open-pool.js'
export type { PoolModel } from './stages/export/pool-file.js'

export interface OpenPoolOptions {
  /** Threads inside one operation; default 1. */
  readonly threads?: number
  /** Images in one call of ONNX Runtime at most; more are answered one call after another. Default 64. */
  readonly batchSize?: number
}

/**
 * Opens a pool that `genepool export --pool` wrote, or the folder of a demo, to switch between its models while it
 * runs: blocks that models share are loaded once, and selecting a model that is made of loaded blocks loads nothing.
 * ONNX Runtime computes on the CPU.
 *
 * Rejects with an error that names the file where the folder holds no such pool.
 */
export const openPool = async (folder: string, options: OpenPoolOptions = {}): Promise<OpenPool> => {
  const { openExportedPool } = await import('./stages/export/open-pool.js')
  return openExportedPool(folder, options.threads, options.batchSize)
}
