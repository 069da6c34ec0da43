/** Tiny models, learnable data and a way to run the model stages on a real engine. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as Effect from 'effect/Effect'
import type {
  AugmentParams,
  DistillParams,
  GridParams,
  StitchParams,
  TeacherParams,
  TrainParams,
} from '../../src/dsl/nodes.js'
import type { VitConfig } from '../../src/dsl/vit-config.js'
import type { StageError } from '../../src/runtime/errors.js'
import type {
  EngineChoice,
  Extension,
  InputArtifact,
  Progress,
  StageContext,
  StageFunction,
  StageSummary,
} from '../../src/runtime/stage-contract.js'
import { Generator } from '../../src/stages/data/random.js'
import { writeSafetensors } from '../../src/stages/tensors/safetensors.js'

/** Images of 8 × 8 grey pixels in patches of 4: five tokens, three classes. */
export const tinyConfig = (embedDim: number, depth = 3, numHeads = 2): VitConfig => ({
  imageSize: 8,
  patchSize: 4,
  channels: 1,
  numClasses: 3,
  embedDim,
  depth,
  numHeads,
  mlpRatio: 4,
  layerNormEps: 1e-6,
})

/** `augment: true`, the published recipe. */
export const RECIPE: AugmentParams = {
  cropScale: 0.08,
  flip: 0.5,
  randAugment: { operations: 2, magnitude: 9, std: 0.5 },
  colorJitter: 0.4,
  erasing: 0.25,
  mixup: 0.8,
  cutmix: 1,
  switchProbability: 0.5,
  repeats: 1,
}

export const ONNX: EngineChoice = { engine: 'onnxruntime', device: 'cpu', threads: 1 }

export const trainParams = (changes: Partial<TrainParams> = {}): TrainParams => ({
  epochs: 2,
  batchSize: 8,
  lr: 3e-3,
  minLr: 1e-5,
  warmupLr: 1e-6,
  warmupEpochs: 0,
  scheduleBy: 'step',
  schedule: 'cosine',
  scheduleEpochs: null,
  milestones: 1,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0.05,
  undecayed: ['biases', 'norms', 'positions', 'clsToken'],
  accumulate: 1,
  checkpointBlocks: false,
  clipNorm: null,
  emaDecay: null,
  dropPath: 0,
  labelSmoothing: 0,
  augment: null,
  validate: true,
  keep: 'last',
  patience: null,
  minDelta: 0,
  ...changes,
})

export const teacherParams = (changes: Partial<TeacherParams> = {}): TeacherParams => ({
  model: tinyConfig(16),
  weights: null,
  train: trainParams(),
  weightStart: { type: 'xavierUniform', gain: 1 },
  seed: 5,
  ...changes,
})

export const distillParams = (changes: Partial<DistillParams> = {}): DistillParams => ({
  model: tinyConfig(8),
  positions: 'front+end',
  loss: 'all',
  alpha: 0.1,
  temperature: 1,
  softReduction: 'elementMean',
  transforms: 'toStudent',
  trainTransforms: true,
  reverseTransforms: false,
  train: trainParams(),
  weightStart: { type: 'xavierUniform', gain: 1 },
  seed: 5,
  ...changes,
})

export const gridParams = (changes: Partial<GridParams> = {}): GridParams => ({
  pairs: [[0, 1]],
  triples: false,
  twoWay: false,
  kernel: 2,
  stride: 1,
  finalNorm: 'all',
  ...changes,
})

export const stitchParams = (changes: Partial<StitchParams> = {}): StitchParams => ({
  models: ['tiny', 'base'],
  grid: gridParams(),
  init: 'learned',
  matrices: 'mean',
  inverse: 'transpose',
  samples: 10,
  loss: 'soft',
  tuned: 'all',
  sampling: 'uniform',
  macsGroups: 1,
  train: trainParams(),
  seed: 5,
  ...changes,
})

/** Noise with one bright quarter, which is the class; quarter 3 is never bright. */
const writeSplit = (path: string, count: number, seed: number): void => {
  const generator = Generator.from(seed, 'synthetic')
  const images = new Uint8Array(count * 64)
  const labels = new Int32Array(count)
  for (let image = 0; image < count; image++) {
    const label = generator.integer(3)
    labels[image] = label
    for (let y = 0; y < 8; y++) {
      for (let x = 0; x < 8; x++) {
        const quarter = 2 * Math.floor(y / 4) + Math.floor(x / 4)
        images[image * 64 + y * 8 + x] = generator.integer(120) + (quarter === label ? 100 : 0)
      }
    }
  }
  writeSafetensors(path, {
    images: { shape: [count, 8, 8, 1], data: images },
    labels: { shape: [count], data: labels },
  })
}

/** A data stage's artifact of synthetic images. */
export const syntheticData = (folder: string, train = 40, test = 30, validation = 0): InputArtifact => {
  mkdirSync(folder, { recursive: true })
  if (validation > 0) writeSplit(join(folder, 'validation.safetensors'), validation, 3)
  writeSplit(join(folder, 'train.safetensors'), train, 1)
  writeSplit(join(folder, 'test.safetensors'), test, 2)
  const info = { imageSize: 8, channels: 1, numClasses: 3, mean: [0.33], std: [0.2] }
  const counts = { train, test, validation }
  writeFileSync(join(folder, 'dataset.json'), JSON.stringify({ ...info, counts }))
  return artifactOf(folder)
}

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort()

export const artifactOf = (folder: string, summary: StageSummary = {}): InputArtifact => ({
  files: Object.fromEntries(filesIn(folder).map((name) => [name, join(folder, name)])),
  summary,
})

/** Every file's bytes, as hexadecimal, by name. */
export const bytesIn = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(filesIn(folder).map((name) => [name, readFileSync(join(folder, name)).toString('hex')]))

export interface Given<Params extends object> {
  readonly params: Params
  readonly inputs: Readonly<Record<string, InputArtifact>>
  readonly outDir: string
  readonly sources?: Readonly<Record<string, string>>
  readonly engine?: EngineChoice
  readonly progress?: (progress: Progress) => void
  readonly extension?: Extension
  readonly warn?: (message: string) => void
}

/** The stage as an effect; its checkpoints go beside `outDir`. */
export const stageEffect = <Params extends object>(
  stage: StageFunction<Params>,
  given: Given<Params>,
): Effect.Effect<StageSummary, StageError> => {
  const checkpointDir = `${given.outDir}.checkpoint`
  for (const folder of [given.outDir, checkpointDir]) mkdirSync(folder, { recursive: true })
  const context: StageContext<Params> = { engine: ONNX, sources: {}, progress: () => {}, ...given, checkpointDir }
  return stage(context)
}

/** Runs the stage and gives its artifact. */
export const runModelStage = async <Params extends object>(
  stage: StageFunction<Params>,
  given: Given<Params>,
): Promise<InputArtifact> => artifactOf(given.outDir, await Effect.runPromise(stageEffect(stage, given)))

export const failModelStage = <Params extends object>(
  stage: StageFunction<Params>,
  given: Given<Params>,
): Promise<StageError> => Effect.runPromise(Effect.flip(stageEffect(stage, given)))
