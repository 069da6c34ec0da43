/**
 * Models of Hugging Face's transformers: `ViTForImageClassification`, `DeiTForImageClassification` and
 * `DeiTForImageClassificationWithTeacher`, or their backbones alone. The same model is written with either of two sets
 * of names, those of older versions and those it has in memory.
 */
import { variantOf } from '../../dsl/vit-config.js'
import { type DescribedModel, ConfigFields, type Preprocessing, type TensorShapes } from './weight-format.js'

/** Whether the model has a head, and a second one. */
const CLASSES: Readonly<Record<string, { readonly type: 'vit' | 'deit'; readonly heads: 0 | 1 | 2 }>> = {
  ViTForImageClassification: { type: 'vit', heads: 1 },
  DeiTForImageClassification: { type: 'deit', heads: 1 },
  DeiTForImageClassificationWithTeacher: { type: 'deit', heads: 2 },
  ViTModel: { type: 'vit', heads: 0 },
  DeiTModel: { type: 'deit', heads: 0 },
}

/** Modules outside of blocks, by timm's names. */
const OUTER: Readonly<Record<string, string>> = {
  cls_token: 'embeddings.cls_token',
  dist_token: 'embeddings.distillation_token',
  pos_embed: 'embeddings.position_embeddings',
  'patch_embed.proj': 'embeddings.patch_embeddings.projection',
  norm: 'layernorm',
}

interface Naming {
  /** What a block's names begin with. */
  readonly block: (index: string) => string
  readonly modules: Readonly<Record<string, readonly string[]>>
}

const OLD: Naming = {
  block: (index) => `encoder.layer.${index}`,
  modules: {
    norm1: ['layernorm_before'],
    'attn.qkv': ['query', 'key', 'value'].map((name) => `attention.attention.${name}`),
    'attn.proj': ['attention.output.dense'],
    norm2: ['layernorm_after'],
    'mlp.fc1': ['intermediate.dense'],
    'mlp.fc2': ['output.dense'],
  },
}

const IN_MEMORY: Naming = {
  block: (index) => `layers.${index}`,
  modules: {
    norm1: ['layernorm_before'],
    'attn.qkv': ['q', 'k', 'v'].map((name) => `attention.${name}_proj`),
    'attn.proj': ['attention.o_proj'],
    norm2: ['layernorm_after'],
    'mlp.fc1': ['mlp.fc1'],
    'mlp.fc2': ['mlp.fc2'],
  },
}

/** `blocks.0.attn.qkv.weight` → module and parameter; the tokens and positions are parameters themselves. */
const partsOf = (tensor: string): readonly [module: string, parameter: string] => {
  const cut = tensor.lastIndexOf('.')
  return Object.hasOwn(OUTER, tensor) ? [tensor, ''] : [tensor.slice(0, cut), tensor.slice(cut)]
}

const namesIn =
  (shapes: TensorShapes): DescribedModel['namesOf'] =>
  (tensor) => {
    const prefix = ['vit.', 'deit.'].find((each) => shapes.has(`${each}embeddings.cls_token`)) ?? ''
    const naming = shapes.has(`${prefix}layers.0.layernorm_before.weight`) ? IN_MEMORY : OLD
    const [module, parameter] = partsOf(tensor)
    if (module === 'head')
      return [`${shapes.has('cls_classifier.weight') ? 'cls_classifier' : 'classifier'}${parameter}`]
    if (module === 'head_dist') return [`distillation_classifier${parameter}`]
    const [, index, inner] = /^blocks\.(\d+)\.(.+)$/.exec(module) ?? []
    if (index === undefined) return [`${prefix}${OUTER[module] ?? module}${parameter}`]
    return (naming.modules[inner!] ?? [inner!]).map((name) => `${prefix}${naming.block(index)}.${name}${parameter}`)
  }

const labelsOf = (fields: ConfigFields): readonly string[] | undefined => {
  if (fields.value('id2label') === undefined) return undefined
  const labels = fields.within('id2label')
  return labels.names.map((_, id) => {
    const name = labels.value(String(id))
    return typeof name === 'string' ? name : labels.fail(String(id), 'is missing, or no text')
  })
}

/** Pillow's numbers of its filters. */
const FILTERS: Readonly<Record<number, string>> = { 0: 'nearest', 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' }

/** What `preprocessor_config.json` says; nothing where there is none. */
export const readPreprocessor = (fields: ConfigFields): Preprocessing => {
  fields.mustBe('do_rescale', true)
  const factor = fields.number('rescale_factor', 1 / 255)
  if (Math.abs(factor * 255 - 1) > 1e-6) fields.fail('rescale_factor', `is ${factor}, and only 1 / 255 is supported`)
  const plain = fields.value('do_normalize') === false
  const [mean, std] = plain
    ? [
        [0, 0, 0],
        [1, 1, 1],
      ]
    : [fields.channels('image_mean'), fields.channels('image_std')]
  const interpolation = FILTERS[Number(fields.value('resample'))]
  const sideOf = (name: string): number | undefined => {
    const value = fields.value(name)
    if (typeof value === 'number') return value
    const size = fields.within(name)
    const side = size.value('shortest_edge') ?? size.value('height')
    return typeof side === 'number' ? side : undefined
  }
  const [size, kept] = [sideOf('size'), fields.value('do_center_crop') === false ? undefined : sideOf('crop_size')]
  return {
    ...(mean && { mean }),
    ...(std && { std }),
    ...(size !== undefined && { crop: kept === undefined ? 1 : kept / size }),
    ...(interpolation !== undefined && { interpolation }),
  }
}

/** A model whose `config.json` names its class in `architectures`. A ModelFileError names what is not supported. */
export const describeTransformers = (
  json: Readonly<Record<string, unknown>>,
  path: string,
  shapes: TensorShapes,
): DescribedModel => {
  const fields = new ConfigFields(path, json)
  const classes = fields.value('architectures')
  const stated: unknown = Array.isArray(classes) ? classes[0] : classes
  const known = Object.hasOwn(CLASSES, String(stated)) ? CLASSES[String(stated)] : undefined
  if (known === undefined) {
    return fields.fail(
      'architectures',
      `names ${JSON.stringify(stated) ?? 'none'}, and only ${Object.keys(CLASSES).join(', ')} are supported`,
    )
  }
  fields.mustBe('model_type', known.type)
  fields.mustBe('hidden_act', 'gelu')
  const embedDim = fields.count('hidden_size', 768)
  const labels = labelsOf(fields)
  const classNames = labels?.every((name, id) => name === `LABEL_${id}`) ? undefined : labels
  return {
    config: {
      imageSize: fields.side('image_size', 224),
      patchSize: fields.side('patch_size', 16),
      channels: fields.count('num_channels', 3),
      numClasses: known.heads === 0 ? 0 : (labels?.length ?? fields.count('num_labels', 2)),
      embedDim,
      depth: fields.count('num_hidden_layers', 12),
      numHeads: fields.count('num_attention_heads', 12),
      mlpRatio: fields.count('intermediate_size', 3072) / embedDim,
      layerNormEps: fields.number('layer_norm_eps', 1e-12),
      ...variantOf({
        distillation: known.type === 'vit' ? 'none' : known.heads === 2 ? 'twoHeads' : 'oneHead',
        layerScale: false,
        clsPosition: true,
        pooling: 'cls',
        qkvBias: fields.value('qkv_bias') !== false,
      }),
    },
    ...(classNames && { classNames }),
    namesOf: namesIn(shapes),
  }
}
