/** Loading a trained model from code. Tensors are loaded with the first model, so that a definition never loads them. */
import type { LoadedModel, LoadModelOptions } from './stages/loaded-model.js'

export type { LoadedModel, LoadModelOptions } from './stages/loaded-model.js'

/**
 * A model from disk, ready to answer: `path` is a safetensors file in timm's naming with a `config.json` beside it that
 * holds a `VitConfig`, or the folder of a stage's artifact that holds both (`genepool show PIPELINE STAGE` names it).
 * `logits` takes normalised pixels `[n, h, w, c]` and gives `[n × numClasses]`. Rejects with an error that names the file
 * where the configuration is missing, describes no model, or does not fit the tensors.
 */
export const loadModel = async (path: string, options?: LoadModelOptions): Promise<LoadedModel> => {
  const stages = await import('./stages/load-model.js')
  return stages.loadModel(path, options)
}
