/** Stages that train, cut at an epoch's end and gone on with. */
import * as Effect from 'effect/Effect'
import type { TrainParams } from '../../../src/dsl/nodes.js'
import type { Extension, InputArtifact, StageFunction } from '../../../src/runtime/stage-contract.js'
import { distill } from '../../../src/stages/distill.js'
import { pool } from '../../../src/stages/pool.js'
import { single } from '../../../src/stages/single.js'
import { stitch } from '../../../src/stages/stitch.js'
import { teacher } from '../../../src/stages/teacher.js'
import {
  bytesIn,
  distillParams,
  gridParams,
  runModelStage,
  stitchParams,
  syntheticData,
  teacherParams,
  tinyConfig,
  trainParams,
  type Given,
} from '../model-stage-runs.js'
import type { tempFolder } from '../temp-folder.js'

const AUGMENT: TrainParams['augment'] = {
  cropScale: 0.5,
  flip: 0.5,
  randAugment: { operations: 2, magnitude: 9, std: 0.5 },
  colorJitter: 0,
  erasing: 0.25,
  mixup: 0.8,
  cutmix: 1,
  switchProbability: 0.5,
  repeats: 1,
}

/**
 * Everything in a training that could count its epochs; 5 batches an epoch, so the second update of each has 2 of them.
 */
export const EVERYTHING: Partial<TrainParams> = {
  accumulate: 3,
  clipNorm: 1,
  emaDecay: 0.9,
  dropPath: 0.3,
  labelSmoothing: 0.1,
  augment: AUGMENT,
}

export const SCHEDULES: Readonly<Record<string, Partial<TrainParams>>> = {
  'a constant rate': { schedule: 'constant' },
  'a constant rate after a warm-up': { schedule: 'constant', warmupEpochs: 1.5 },
  'a cosine over more epochs': { scheduleEpochs: 8, warmupEpochs: 0.4 },
  'a cosine by epochs': { scheduleEpochs: 8, warmupEpochs: 1, scheduleBy: 'epoch' },
}
export const CONSTANT = SCHEDULES['a constant rate']

export type Stage = (train: TrainParams) => Pick<Given<object>, 'params' | 'inputs'> & { readonly stage: StageFunction }

const stageOf = <Params extends object>(
  stage: StageFunction<Params>,
  params: Params,
  inputs: Given<Params>['inputs'],
): ReturnType<Stage> => ({ stage: stage as StageFunction, params, inputs })

const nothingWanted: Extension = { deliver: () => Effect.void }

type Folder = ReturnType<typeof tempFolder>

const inputs = async (folder: Folder, validation: number) => {
  const data = syntheticData(folder.file('data'), 40, 30, validation)
  const taught = await runModelStage(teacher, {
    params: teacherParams(),
    inputs: { data },
    outDir: folder.file('teacher'),
  })
  const student = (embedDim: number, name: string) =>
    runModelStage(distill, {
      params: distillParams({ model: tinyConfig(embedDim) }),
      inputs: { data, teacher: taught },
      outDir: folder.file(name),
    })
  const [tiny, base] = [await student(8, 'tiny'), await student(16, 'base')]
  const students = await runModelStage(pool, {
    params: { students: ['tiny', 'base'] },
    inputs: { tiny, base },
    outDir: folder.file('pool'),
  })
  return { data, teacher: taught, pool: students }
}

/** The stages by name, each as a function of how it trains, on data with so many validation images. */
export const stages = async (folder: Folder, validation = 0): Promise<Readonly<Record<string, Stage>>> => {
  const { data, ...others } = await inputs(folder, validation)
  const grid = gridParams()
  const macs = { sampling: 'macs', macsGroups: 3, init: 'leastSquares' } as const
  const models = [tinyConfig(8), tinyConfig(16)]
  const weightStart = { type: 'xavierUniform', gain: 1 } as const
  const alone = { names: ['tiny', 'base'], models, grid, descendant: 3, loss: 'hard', seed: 5 } as const
  return {
    teacher: (train) => stageOf(teacher, teacherParams({ train }), { data }),
    distill: (train) => stageOf(distill, distillParams({ train }), { data, teacher: others.teacher }),
    stitch: (train) => stageOf(stitch, stitchParams({ train }), { data, ...others }),
    'stitch, drawing by MACs, from least squares': (train) =>
      stageOf(stitch, stitchParams({ ...macs, grid: gridParams({ twoWay: true }), train }), { data, ...others }),
    single: (train) =>
      stageOf(single, { ...alone, weightStarts: [weightStart, weightStart], train }, { data, teacher: others.teacher }),
  }
}

export const teacherOf =
  (data: InputArtifact): Stage =>
  (train) =>
    stageOf(teacher, teacherParams({ train }), { data })

export interface Ran {
  readonly bytes: Readonly<Record<string, string>>
  readonly artifact: InputArtifact
  /** Steps of training that were reported. */
  readonly steps: readonly number[]
}

/** Runs a stage in a folder of its own, trained in a way. */
export const runner = (folder: Folder) => {
  let names = 0
  return async (stage: Stage, train: Partial<TrainParams>, more: Partial<Given<object>> = {}): Promise<Ran> => {
    const { stage: run, params, inputs: reads } = stage(trainParams(train))
    const outDir = more.outDir ?? folder.file(`run ${names++}`)
    const steps: number[] = []
    const artifact = await runModelStage(run, {
      params,
      inputs: reads,
      progress: ({ step, epoch }) => epoch !== undefined && steps.push(step),
      ...more,
      outDir,
    })
    return { bytes: bytesIn(outDir), artifact, steps }
  }
}

/** Given what a shorter one has left. */
export const goingOn = (at: number, { artifact }: Pick<Ran, 'artifact'>): Pick<Given<object>, 'extension'> => ({
  extension: { ...nothingWanted, from: { at, artifact } },
})
