/** What `genepool inspect` shows of an ONNX file: its graph in figures, and what genepool wrote into it. */
import { existsSync } from 'node:fs'
import { readWholeFile } from '../../base/files.js'
import { describeOnnx, type OnnxFile } from '../../engine/onnx/file-description.js'
import { ModelFileError } from '../model/model-file-error.js'
import { descriptionInTexts, type ModelDescription } from './exported-model.js'

export interface OnnxInspection extends OnnxFile {
  /** Of a model that genepool exported. */
  readonly description?: ModelDescription
}

/**
 * Reads the file; nothing of it is run. Throws an EngineError where it is no ONNX model, a ModelFileError where there
 * is none or its metadata begin as genepool's and do not go on so.
 */
export const inspectOnnx = (path: string): OnnxInspection => {
  if (!existsSync(path)) throw new ModelFileError(`${path}: there is no such file`)
  const file = describeOnnx(path, readWholeFile(path))
  const isOwn = file.metadata['model'] !== undefined && file.metadata['provenance'] !== undefined
  return { ...file, ...(isOwn && { description: descriptionInTexts(file.metadata, path) }) }
}
