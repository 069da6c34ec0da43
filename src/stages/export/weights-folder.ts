/**
 * A model as `model.safetensors` with a `config.json`: timm's where timm has such a model, else a description of what
 * is run, which docs/load_exported.py reads in PyTorch (docs/export.md).
 */
import { join } from 'node:path'
import { hiddenWidth } from '../model/vit.js'
import { writeJson, writeTensors } from '../model/model-files.js'
import type { RunnableModel } from '../runnable-model.js'
import { type ModelDescription, descriptionJson } from '../weights/exported-model.js'

/** Whether timm's VisionTransformer computes the same; head count and depth are among its arguments, eps is not. */
const isTimms = ({ plan, config }: RunnableModel): boolean =>
  plan.path.length === 1 &&
  plan.finalNorm &&
  config.layerNormEps === 1e-6 &&
  config.distillation !== 'oneHead' &&
  Math.floor(config.embedDim * config.mlpRatio) === hiddenWidth(config)

/** What `timm.create_model('local-dir:FOLDER', pretrained=True)` reads. */
const timmConfig = ({ config }: RunnableModel, { preprocessing, classNames, provenance }: ModelDescription): object => {
  const { imageSize, patchSize, channels, numClasses, embedDim, depth, numHeads, mlpRatio, pooling } = config
  const { mean, std, crop = 1, interpolation = 'bicubic' } = preprocessing
  return {
    architecture: config.distillation === undefined ? 'vit_base_patch16_224' : 'deit_base_distilled_patch16_224',
    num_classes: numClasses,
    num_features: embedDim,
    global_pool: pooling === 'mean' ? 'avg' : 'token',
    model_args: {
      img_size: imageSize,
      patch_size: patchSize,
      in_chans: channels,
      num_classes: numClasses,
      embed_dim: embedDim,
      depth,
      num_heads: numHeads,
      mlp_ratio: mlpRatio,
      qkv_bias: config.qkvBias !== false,
      global_pool: pooling === 'mean' ? 'avg' : 'token',
      ...(config.layerScale === true && { init_values: 1e-4 }),
      ...(config.clsPosition === false && { no_embed_class: true }),
    },
    pretrained_cfg: {
      input_size: [channels, imageSize, imageSize],
      num_classes: numClasses,
      mean,
      std,
      crop_pct: crop,
      interpolation,
      first_conv: 'patch_embed.proj',
      classifier: config.distillation === undefined ? 'head' : ['head', 'head_dist'],
      ...(classNames && { label_names: classNames }),
    },
    genepool: provenance,
  }
}

/** Writes both files into the folder. */
export const writeWeightsFolder = (folder: string, model: RunnableModel, description: ModelDescription): void => {
  writeTensors(join(folder, 'model.safetensors'), model.tensors, model.values)
  writeJson(join(folder, 'config.json'), isTimms(model) ? timmConfig(model, description) : descriptionJson(description))
}
