/**
 * Parameters and multiply-accumulates (docs/method.md, section 6). A *path* is what one descendant runs: a number of
 * blocks of each of its models, in order, with a stitch layer between each two.
 */
import type { FinalNorm } from './nodes.js'
import { placeOfCall } from './place.js'
import { numHeadLayers, numPositions, numTokens, prefixTokens, type VitConfig } from './vit-config.js'
import { completeVitConfig, type VitShape } from './vit.js'

interface PathPart {
  readonly model: VitConfig
  /** Blocks of `model` that are run. */
  readonly blocks: number
}

export type Path = readonly [PathPart, ...PathPart[]]

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const hiddenDim = (model: VitConfig): number => model.mlpRatio * model.embedDim

/** Values of one patch, p²·c. */
const patchValues = ({ patchSize, channels }: VitConfig): number => patchSize ** 2 * channels

/**
 * Two norms, qkv, projection and both layers of the MLP, all with bias: 12d² + 13d at `mlpRatio` 4; 3d less without the
 * bias of qkv, 2d more with layer scale.
 */
export const countBlockParams = (model: VitConfig): number => {
  const d = model.embedDim
  const hidden = hiddenDim(model)
  const inner = model.qkvBias === false ? d : d + 1
  const scales = model.layerScale ? 2 * d : 0
  return 4 * d + inner * 3 * d + (d + 1) * d + (d + 1) * hidden + (hidden + 1) * d + scales
}

/** 12Td² + 2T²d + 10Td at `mlpRatio` 4: a LayerNorm costs 5 per element; softmax, GELU, adding and scaling are free. */
const countBlockMacs = (model: VitConfig): number => {
  const d = model.embedDim
  const tokens = numTokens(model)
  return 4 * tokens * d ** 2 + 2 * tokens * d * hiddenDim(model) + 2 * tokens ** 2 * d + 10 * tokens * d
}

/** Width in and width out of every stitch layer on the path. */
const stitches = (path: Path): readonly (readonly [number, number])[] =>
  path.slice(1).map(({ model }, index) => [path[index]!.model.embedDim, model.embedDim])

const last = (path: Path): VitConfig => path[path.length - 1]!.model

/** Whether the last model's LayerNorm runs before its head. */
const runsNorm = (path: Path, finalNorm: FinalNorm): boolean =>
  finalNorm === 'all' || (finalNorm === 'anchorsOnly' && path.length === 1)

/** Patch embedding, executed blocks, stitch layers and head: what every way of counting has in common. */
const countCoreParams = (path: Path): number => {
  const front = path[0].model
  return (
    (patchValues(front) + 1) * front.embedDim +
    sum(path.map(({ model, blocks }) => blocks * countBlockParams(model))) +
    sum(stitches(path).map(([from, to]) => (from + 1) * to)) +
    numHeadLayers(last(path)) * (last(path).embedDim + 1) * last(path).numClasses
  )
}

const countTokenParams = ({ model }: PathPart): number => (prefixTokens(model) + numPositions(model)) * model.embedDim

/**
 * Comparable with the literature: a single model counts whole; a stitched one by SN-Net's rule, without cls token and
 * positions. The last norm counts whether it is run or not.
 */
export const countPathParams = (path: Path): number =>
  countCoreParams(path) + 2 * last(path).embedDim + (path.length === 1 ? countTokenParams(path[0]) : 0)

/** Everything that one needs to run the path: cls token and positions too, the last norm only where it is run. */
export const countPathParamsStored = (path: Path, finalNorm: FinalNorm): number =>
  countCoreParams(path) + countTokenParams(path[0]) + (runsNorm(path, finalNorm) ? 2 * last(path).embedDim : 0)

/** Multiply-accumulates of one image. */
export const countPathMacs = (path: Path, finalNorm: FinalNorm): number => {
  const front = path[0].model
  const end = last(path)
  const tokens = numTokens(front)
  return (
    (tokens - prefixTokens(front)) * patchValues(front) * front.embedDim +
    sum(path.map(({ model, blocks }) => blocks * countBlockMacs(model))) +
    sum(stitches(path).map(([from, to]) => tokens * from * to)) +
    (runsNorm(path, finalNorm) ? 5 * tokens * end.embedDim : 0) +
    numHeadLayers(end) * end.embedDim * end.numClasses
  )
}

const wholeModel = (shape: VitShape): Path => {
  const model = completeVitConfig(shape, 'config', placeOfCall())
  return [{ model, blocks: model.depth }]
}

/**
 * Parameters of one whole model, cls token and positions included. Throws a DefinitionError for an impossible shape.
 */
export const countParams = (config: VitShape): number => countPathParams(wholeModel(config))

/**
 * Multiply-accumulates of one image through one whole model (SN-Net calls this number "flops"). Without its final
 * LayerNorm by `finalNorm: 'none'`.
 */
export const countMacs = (config: VitShape, options: { readonly finalNorm?: FinalNorm } = {}): number =>
  countPathMacs(wholeModel(config), options.finalNorm ?? 'all')
