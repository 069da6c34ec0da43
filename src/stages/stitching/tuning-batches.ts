/** Batches for training descendants: images with their labels, what the teacher says of them, and which branches are dropped. */
import * as Effect from 'effect/Effect'
import type { TrainParams, TuneLoss } from '../../dsl/nodes.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import type { Engine } from '../../engine/engine.js'
import { StageError } from '../../runtime/errors.js'
import type { Progress } from '../../runtime/stage-contract.js'
import { labelledBatches } from '../data/batches.js'
import type { Split } from '../data/dataset.js'
import { keepBatches } from '../training/drop-path.js'
import { teacherOutputs, type Teacher, type TeacherOutputs } from '../training/teacher-outputs.js'
import type { Training } from '../training/training.js'
import { droppingModels, hardLabels } from '../training/tuning.js'

export interface TuningBatches {
  readonly engine: Engine
  /** Null where there is none: then the loss must be `none`. */
  readonly teacher: Teacher | null
  readonly configs: readonly VitConfig[]
  readonly split: Split
  readonly params: { readonly loss: TuneLoss; readonly train: TrainParams; readonly seed: number }
  readonly progress: (progress: Progress) => void
}

const nothing: TeacherOutputs = () => Promise.resolve({})

/** The inputs of `tuningStep`, batch by batch; without epochs the teacher is not asked. */
export const tuningBatches = Effect.fnUntraced(function* ({
  engine,
  teacher,
  configs,
  split,
  params: { loss, train, seed },
  progress,
}: TuningBatches): Effect.fn.Return<Training['batch'], StageError> {
  const [config] = configs
  let taught = nothing
  if (loss !== 'none' && train.epochs > 0) {
    if (teacher === null)
      return yield* new StageError({ message: `the loss '${loss}' needs a teacher, but there is none` })
    taught = yield* teacherOutputs(engine, teacher, { att: [], map: [] }, split, train, progress)
  }
  const labelled = labelledBatches(split, config, train.batchSize, { ...train, seed })
  const kept = keepBatches(droppingModels(configs, configs.keys()), train, seed)
  return async (indices, place) => {
    const batch = labelled(indices, place)
    const answers = await taught(indices, batch.pixels)
    const extra = loss === 'hard' ? hardLabels(answers['teacher.logits'] as Float32Array, config.numClasses) : answers
    return { ...batch, ...extra, ...kept(place) }
  }
})
