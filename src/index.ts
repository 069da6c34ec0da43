/** The public API of genepool. */
export { pipeline, type PipelineOptions } from './dsl/pipeline.js'
export type { PipelineStart, PipelineWithData, PipelineWithTeacher } from './dsl/pipeline.js'
export type { PipelineWithPool, PipelineWithStitch, PipelineWithStudents } from './dsl/pipeline.js'
export { isPipeline, toPipelineNode, type PipelineBuilder } from './dsl/pipeline-step.js'
export { suite, type CellValues } from './dsl/suite.js'
export type { Axes, AxisValues } from './dsl/suite.js'
export type { CellLabels, SuiteOptions } from './dsl/suite.js'
export { isSuite } from './dsl/suite.js'
export { stage, type UserStage } from './dsl/stage.js'
export type { UserStageNode } from './dsl/stage.js'
export type { StageFigures, StageInput, StageOptions, StageProgress, StageRun } from './dsl/stage.js'
export { idx, mnist, type IdxOptions, type SubsetOptions } from './dsl/data.js'
export { vit, type VitOptions, type VitSpec } from './dsl/vit.js'
export type { DistillOptions, StudentOptions } from './dsl/distill-options.js'
export type { AnchorOptions, Anchors, PretrainedOptions } from './dsl/anchor-options.js'
export type { GridOptions, StitchOptions } from './dsl/stitch-options.js'
export type { SingleModels, SingleOptions } from './dsl/single-options.js'
export type { LatencyOptions } from './dsl/pipeline.js'
export type { AugmentOptions } from './dsl/train-options.js'
export type { TrainOptions } from './dsl/train-options.js'
export { DefinitionError, type DefinitionProblem } from './dsl/definition-error.js'
export type { DefinitionMisuse } from './dsl/misuse.js'

export { enumerateDescendants, type Descendant, type DescendantOptions } from './dsl/descendants.js'
export type { ModelPair, Pairs } from './dsl/grid.js'
export { countMacs, countParams } from './dsl/counting.js'
export { lossPositions } from './dsl/loss-positions.js'
export { numTokens, type VitConfig } from './dsl/vit-config.js'
export type { VitShape } from './dsl/vit.js'

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
export type { Place } from './dsl/place.js'
export type { WeightStart } from './dsl/vit-config.js'

export { loadModel, type LoadedModel, type LoadModelOptions } from './load-model.js'
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
