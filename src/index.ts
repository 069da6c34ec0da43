/** The public API of genepool. */
// What a definition is written with.
export {
  pipeline,
  type EvaluateOptions,
  type LatencyOptions,
  type PipelineOptions,
  type PipelineStart,
  type PipelineWithData,
  type PipelineWithPool,
  type PipelineWithStitch,
  type PipelineWithStudents,
  type PipelineWithTeacher,
} from './dsl/pipeline.js'
export { isPipeline, toPipelineNode, type PipelineBuilder } from './dsl/pipeline-step.js'
export {
  isSuite,
  suite,
  type Axes,
  type AxisValues,
  type CellLabels,
  type CellValues,
  type SuiteOptions,
} from './dsl/suite.js'
export {
  stage,
  type StageFigures,
  type StageInput,
  type StageOptions,
  type StageProgress,
  type StageRun,
  type UserStage,
  type UserStageNode,
} from './dsl/stage.js'
export {
  cifar10,
  cifar100,
  emoji,
  idx,
  imageFolder,
  imagenet,
  mnist,
  npz,
  type Cifar100Options,
  type EmojiOptions,
  type IdxOptions,
  type ImageFolderOptions,
  type ImagenetOptions,
  type NpzOptions,
  type SubsetOptions,
} from './dsl/data.js'
export { vit, type VitOptions, type VitShape, type VitSpec } from './dsl/vit.js'
export { pretrained, type PretrainedShape, type PretrainedSpec } from './dsl/pretrained.js'
export type { DistillOptions, StudentOptions } from './dsl/distill-options.js'
export type { AnchorOptions, Anchors, PretrainedOptions } from './dsl/anchor-options.js'
export type { StitchOptions } from './dsl/stitch-options.js'
export type { SingleModels, SingleOptions } from './dsl/single-options.js'
export type { AugmentOptions, TrainOptions } from './dsl/train-options.js'
export { DefinitionError, type DefinitionProblem } from './dsl/definition-error.js'
export type { DefinitionMisuse } from './dsl/misuse.js'

// The grid of stitched models, their sizes and costs.
export { enumerateDescendants, type Descendant, type DescendantOptions } from './dsl/descendants.js'
export type { GridOptions, ModelPair, Pairs } from './dsl/grid.js'
export { countMacs, countParams } from './dsl/counting.js'
export { lossPositions } from './dsl/loss-positions.js'
export { numTokens, type VitConfig, type WeightStart } from './dsl/vit-config.js'

// What a definition is: nodes and their parameters.
export type { Place } from './dsl/place.js'
export type {
  AnchorNode,
  AugmentParams,
  AxisLabel,
  CellNode,
  DataNode,
  DataParams,
  DataSource,
  DecayGroup,
  DistillLoss,
  DistillNode,
  DistillParams,
  EvaluateNode,
  EvaluateParams,
  FinalNorm,
  GridParams,
  Json,
  LatencyNode,
  LatencyParams,
  LossPositions,
  PipelineNode,
  PoolNode,
  PoolParams,
  SingleNode,
  SingleParams,
  SoftReduction,
  StageNode,
  StitchNode,
  StitchParams,
  StitchStart,
  SuiteNode,
  TeacherNode,
  TeacherParams,
  TrainParams,
  TuneLoss,
} from './dsl/nodes.js'

// What is made of it, and how a run says what happens.
export { loadModel, type LoadedModel, type LoadModelOptions } from './load-model.js'
export { openPool, type OpenPool, type OpenPoolOptions, type PooledModel, type PoolModel } from './open-pool.js'
export { loadDataset, type LoadedDataset, type LoadedSplit } from './load-dataset.js'
export { runPipeline, runPipelinePromise, type Runnable, type RunPipelineOptions } from './run-pipeline.js'
export type { DeviceWish, EngineWish } from './engine/request.js'
export type { Reuse } from './runtime/fingerprint.js'
export type { CellOutcome, Sharing } from './runtime/events.js'
export type { FinishedCell } from './runtime/run/cell-outcomes.js'
export type { RunResult } from './runtime/run/options.js'
export type { PlannedStage, Reason, RunEvent } from './runtime/events.js'
export type { Manifest, StoredFile } from './runtime/store/store.js'
export { StageError, StoreError, UsageError } from './runtime/errors.js'
