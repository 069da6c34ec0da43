/**
 * Models of timm (huggingface/pytorch-image-models): weights by the names of its VisionTransformer, and the
 * `config.json` of its hub. That names an architecture, which decides head count and activation; all that shapes can
 * tell is taken from the tensors, and must not contradict what is stated.
 */
import { variantOf } from '../../dsl/vit-config.js'
import { type DescribedModel, ConfigFields, squareSide, type TensorShapes } from './weight-format.js'

/** Width and heads of each size; what an architecture is called says no more than its size. */
const SIZES: Readonly<Record<string, readonly [width: number, heads: number]>> = {
  tiny: [192, 3],
  small: [384, 6],
  medium: [512, 8],
  base: [768, 12],
  plus: [896, 14],
  large: [1024, 16],
  huge: [1280, 16],
  giant: [1408, 16],
  gigantic: [1664, 16],
}

/** Those of timm's architectures that are plain, with exact GELU and eps 1e-6; not hybrids, registers, SigLIP … */
const ARCHITECTURE =
  /^(?:vit|deit3?|flexivit)_(tiny|small|medium|base|large|huge|giant|gigantic)(?:_distilled)?(?:_patch\d+(_plus)?_(?:\d+(?:_miil)?|dinov2))?$/

const EPS = 1e-6

/** Arguments of a model that change nothing of a trained one. */
const HARMLESS = /^(\w*drop\w*_rate|weight_init|fix_init|dynamic_img_pad|strict_img_size)$/

/** Arguments that must be what the tensors show. */
const SHOWN = [
  'img_size',
  'patch_size',
  'in_chans',
  'num_classes',
  'embed_dim',
  'depth',
  'mlp_ratio',
  'qkv_bias',
  'class_token',
  'no_embed_class',
  'fc_norm',
] as const

type ShownArgument = (typeof SHOWN)[number]

/** Arguments that are read by name; the start of layer scale says that there is one, as the tensors do. */
const READ: ReadonlySet<string> = new Set([...SHOWN, 'num_heads', 'global_pool', 'init_values'])

/** Refuses arguments of models that are not supported. */
const checkSupported = (args: ConfigFields): void => {
  for (const name of args.names) {
    const value = args.value(name)
    if (value === undefined || value === false || value === 0 || HARMLESS.test(name) || READ.has(name)) continue
    args.fail(name, `is ${JSON.stringify(value)}, which is not supported`)
  }
}

/** Refuses arguments that the tensors contradict. */
const checkShown = (args: ConfigFields, shown: Readonly<Record<ShownArgument, number | boolean>>): void => {
  for (const name of SHOWN) {
    const value = args.value(name)
    if (value === undefined) continue
    const stated = name.endsWith('_size') ? args.side(name) : value
    if (stated !== shown[name]) {
      args.fail(name, `is ${JSON.stringify(value)}, but by the tensors it is ${shown[name]}`)
    }
  }
}

const dimension = (shapes: TensorShapes, tensor: string, axis: number, path: string): number =>
  shapes.get(tensor)?.[axis] ??
  new ConfigFields(path, {}).fail(`tensor ${tensor}`, 'is missing, or has too few dimensions')

/** How many blocks there are by the tensors' names. */
const countBlocks = (shapes: TensorShapes): number =>
  new Set([...shapes.keys()].flatMap((name) => /^blocks\.(\d+)\./.exec(name)?.[1] ?? [])).size

const classNamesOf = (config: ConfigFields): readonly string[] | undefined => {
  const names = config.value('label_names') ?? config.within('pretrained_cfg').value('label_names')
  return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined
}

/** A model whose `config.json` names an `architecture`. Throws a ModelFileError that names what is not supported. */
export const describeTimm = (
  json: Readonly<Record<string, unknown>>,
  path: string,
  shapes: TensorShapes,
  weightsPath: string,
): DescribedModel => {
  const fields = new ConfigFields(path, json)
  const architecture = String(fields.value('architecture') ?? null)
  const [, size, plus] = ARCHITECTURE.exec(architecture) ?? []
  if (size === undefined) {
    fields.fail(
      'architecture',
      `is ${JSON.stringify(architecture)}, which is not supported: of timm's models plain ViT, DeiT, DeiT-III, FlexiViT and DINOv2 without registers are`,
    )
  }
  const args = fields.within('model_args')
  checkSupported(args)
  const at = (tensor: string, axis: number): number => dimension(shapes, tensor, axis, weightsPath)

  const embedDim = at('cls_token', 2)
  const patchSize = at('patch_embed.proj.weight', 3)
  const [width, heads] = SIZES[plus === undefined ? size : 'plus']
  if (args.value('embed_dim') === undefined && embedDim !== width) {
    fields.fail('architecture', `${architecture} is ${width} wide, but the tensors are ${embedDim}`)
  }
  const pooling = args.value('global_pool') ?? fields.value('global_pool') ?? 'token'
  if (pooling !== 'token' && pooling !== 'avg') {
    fields.fail('global_pool', `is ${JSON.stringify(pooling)}, and only "token" or "avg" is supported`)
  }
  const distilled = shapes.has('dist_token')
  const prefix = distilled ? 2 : 1
  const positions = at('pos_embed', 1)
  const [alone, shared] = [squareSide(positions), squareSide(positions - prefix)]
  const side = alone ?? shared
  if (side === undefined) {
    return new ConfigFields(weightsPath, {}).fail(
      'tensor pos_embed',
      `has ${positions} positions, which are no square of patches`,
    )
  }
  const depth = countBlocks(shapes)
  const hidden = at('blocks.0.mlp.fc1.weight', 0)
  const numClasses = shapes.get('head.weight')?.[0] ?? 0
  const qkvBias = shapes.has('blocks.0.attn.qkv.bias')
  const mlpRatio = hidden / embedDim
  const channels = at('patch_embed.proj.weight', 1)
  checkShown(args, {
    img_size: side * patchSize,
    patch_size: patchSize,
    in_chans: channels,
    num_classes: numClasses,
    embed_dim: embedDim,
    depth,
    mlp_ratio: mlpRatio,
    qkv_bias: qkvBias,
    class_token: true,
    no_embed_class: alone !== undefined,
    fc_norm: shapes.has('fc_norm.weight'),
  })
  const trained = fields.within('pretrained_cfg')
  const [mean, std, classNames] = [trained.channels('mean'), trained.channels('std'), classNamesOf(fields)]
  const interpolation = trained.value('interpolation')
  return {
    config: {
      imageSize: side * patchSize,
      patchSize,
      channels,
      numClasses,
      embedDim,
      depth,
      numHeads: args.count('num_heads', heads),
      mlpRatio,
      layerNormEps: EPS,
      ...variantOf({
        distillation: !distilled ? 'none' : shapes.has('head_dist.weight') || numClasses === 0 ? 'twoHeads' : 'oneHead',
        layerScale: shapes.has('blocks.0.ls1.gamma'),
        clsPosition: alone === undefined,
        pooling: pooling === 'avg' ? 'mean' : 'cls',
        qkvBias,
      }),
    },
    ...(mean && { mean }),
    ...(std && { std }),
    ...(trained.value('crop_pct') !== undefined && { crop: trained.number('crop_pct') }),
    ...(typeof interpolation === 'string' && { interpolation }),
    ...(classNames && { classNames }),
    namesOf: (tensor) => [tensor],
  }
}
