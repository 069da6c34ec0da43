/** The tensors of a vision transformer: timm's names, in the order of its `named_parameters`. */
import type { DecayGroup } from '../../dsl/nodes.js'
import { numTokens, type VitConfig } from '../../dsl/vit-config.js'

/**
 * What a tensor is: it belongs to one group alone, a LayerNorm's shift to its norm. `matrices` are a model's own weights of two
 * or more dimensions, patch filters among them, which always decay.
 */
export type TensorGroup = DecayGroup | 'matrices'

/** One tensor of a model; values are row-major. */
export interface TensorDefinition {
  readonly name: string
  readonly shape: readonly number[]
  readonly group: TensorGroup
}

/** Values of named tensors on the host. */
export type Values = Readonly<Record<string, Float32Array>>

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

/** Units that start, train and stop together when models are stitched. */
export type VitPart = 'embed' | `blocks.${number}` | 'norm' | 'head'

const define = (group: TensorGroup, name: string, ...shape: number[]): TensorDefinition => ({ name, shape, group })

/** Weight `[out, in]`, of this group, and bias `[out]` of a Linear. */
export const linearTensors = (
  name: string,
  out: number,
  inner: number,
  group: TensorGroup = 'matrices',
): readonly TensorDefinition[] => [define(group, `${name}.weight`, out, inner), define('biases', `${name}.bias`, out)]

const normTensors = (name: string, width: number): readonly TensorDefinition[] => [
  define('norms', `${name}.weight`, width),
  define('norms', `${name}.bias`, width),
]

/** Width of the hidden layer of a block's MLP. */
export const hiddenWidth = (config: VitConfig): number => Math.round(config.embedDim * config.mlpRatio)

const blockTensors = (config: VitConfig, index: number): readonly TensorDefinition[] => {
  const d = config.embedDim
  const at = `blocks.${index}`
  return [
    ...normTensors(`${at}.norm1`, d),
    ...linearTensors(`${at}.attn.qkv`, 3 * d, d),
    ...linearTensors(`${at}.attn.proj`, d, d),
    ...normTensors(`${at}.norm2`, d),
    ...linearTensors(`${at}.mlp.fc1`, hiddenWidth(config), d),
    ...linearTensors(`${at}.mlp.fc2`, d, hiddenWidth(config)),
  ]
}

/** Every tensor of the model in timm's order. */
export const vitTensors = (config: VitConfig): readonly TensorDefinition[] => {
  const { embedDim: d, patchSize, channels, depth, numClasses } = config
  return [
    define('clsToken', 'cls_token', 1, 1, d),
    define('positions', 'pos_embed', 1, numTokens(config), d),
    define('matrices', 'patch_embed.proj.weight', d, channels, patchSize, patchSize),
    define('biases', 'patch_embed.proj.bias', d),
    ...Array.from({ length: depth }, (_, index) => blockTensors(config, index)).flat(),
    ...normTensors('norm', d),
    ...linearTensors('head', numClasses, d),
  ]
}

/** The parts of a model in forward order. */
export const vitParts = (config: VitConfig): readonly VitPart[] => [
  'embed',
  ...Array.from({ length: config.depth }, (_, index) => `blocks.${index}` as const),
  'norm',
  'head',
]

/** The part that a tensor of `vitTensors` belongs to. */
export const partOf = (tensor: string): VitPart => {
  const [first, second] = tensor.split('.')
  if (first === 'blocks') return `blocks.${Number(second)}`
  return first === 'norm' || first === 'head' ? first : 'embed'
}
