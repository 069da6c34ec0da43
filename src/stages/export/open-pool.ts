/** A pool that was exported in parts, whose models are changed without a weight being loaded again. */
import { join } from 'node:path'
import { isObject } from '../../base/objects.js'
import { readTextIfThere } from '../../base/files.js'
import { spelled } from '../../dsl/names.js'
import { openOnnxChain } from '../../engine/onnx/model-file.js'
import { inBatches } from '../load-model.js'
import { ModelFileError } from '../model/model-file-error.js'
import type { PoolFile, PoolModel } from './pool-file.js'

/** A model of an open pool. */
export interface PooledModel extends PoolModel {
  /** Pixels `[n, size, size, channels]`, normalised → logits `[n × classes]`. */
  readonly logits: (pixels: Float32Array) => Promise<Float32Array>
}

export interface OpenPool {
  /** From the smallest to the largest. */
  readonly models: readonly PoolModel[]
  readonly classNames: readonly string[]
  readonly preprocessing: PoolFile['preprocessing']
  /**
   * One model, by its id or its name in the table (`->` will do for the arrow). What it shares with those that were
   * selected before is loaded already. Rejects with an error where there is no such model.
   */
  readonly select: (model: number | string) => Promise<PooledModel>
  /** Frees what was loaded. */
  readonly release: () => Promise<void>
}

const isPool = (value: unknown): value is PoolFile =>
  isObject(value) &&
  isObject(value['preprocessing']) &&
  Array.isArray(value['classNames']) &&
  isObject(value['parts']) &&
  Array.isArray(value['models']) &&
  value['models'].every(
    (model: unknown) =>
      isObject(model) &&
      Array.isArray(model['parts']) &&
      model['parts'].every((part: unknown) => {
        const found = (value['parts'] as Record<string, unknown>)[String(part)]
        // A file of its own: no way leads out of the folder.
        return isObject(found) && /^parts\/[\w.-]+\.onnx$/.test(String(found['file']))
      }),
  )

const readPoolFile = (folder: string): PoolFile => {
  const path = join(folder, 'pool.json')
  const text = readTextIfThere(path)
  if (text === undefined) throw new ModelFileError(`${folder}: holds no pool.json, which genepool export --pool writes`)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new ModelFileError(`${path}: is no JSON`, { cause })
  }
  if (!isPool(json)) throw new ModelFileError(`${path}: describes no pool that genepool export --pool wrote`)
  return json
}

/** Throws a ModelFileError where the folder holds no such pool. */
export const openExportedPool = (folder: string, threads = 1, batchSize = 64): OpenPool => {
  const { models, classNames, preprocessing, parts } = readPoolFile(folder)
  const { size, channels } = preprocessing
  const chain = openOnnxChain(threads)
  const select = async (wish: number | string): Promise<PooledModel> => {
    const written = spelled(wish)
    const model = models.find(({ id, name }) => name === written || String(id) === written)
    if (model === undefined) {
      throw new ModelFileError(
        `${folder}: there is no model '${wish}'; there are ${models.map(({ id, name }) => `${id} (${name})`).join(', ')}`,
      )
    }
    const files = model.parts.map((part) => join(folder, parts[part].file))
    await chain.open(files)
    const shape = { imageSize: size, channels, numClasses: classNames.length }
    return {
      ...model,
      logits: inBatches(shape, batchSize, (pixels, rows) => chain.run(files, pixels, [rows, size, size, channels])),
    }
  }
  return { models, classNames, preprocessing, select, release: chain.release }
}
