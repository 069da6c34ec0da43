/**
 * Tuning a stitched pool (docs/method.md, section 5): which descendants are drawn, what a step on one of them reads,
 * trains and minimises, and its batches.
 */
import type * as tf from '@tensorflow/tfjs-core'
import * as Effect from 'effect/Effect'
import type { StitchParams, TrainParams, TuneLoss } from '../../dsl/nodes.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import type { Engine, HostArrays, TensorSpecs } from '../../engine/engine.js'
import { StageError } from '../../runtime/errors.js'
import type { Progress } from '../../runtime/stage-contract.js'
import { labelledBatches, labelledSpecs, type Split } from '../data/dataset.js'
import { partOfTensor, type VitPart, vitParts, vitTensors } from '../model/vit.js'
import type { NamedValues } from '../tensors/named-tensors.js'
import { type Component, newComponent } from '../training/component.js'
import { blockMode, type DroppingModels, keepBatches, keepSpecs } from '../training/drop-path.js'
import { crossEntropy, klDivergence } from '../training/losses.js'
import { type Teacher, type TeacherOutputs, teacherOutputs } from '../training/teacher-outputs.js'
import type { StepDefinition } from '../training/train-step.js'
import type { Training } from '../training/training.js'
import {
  type Grid,
  layerNames,
  pairTensors,
  partsOnPath,
  type DescendantPath,
  type PoolGrid,
  stitchesOnPath,
} from './grid.js'
import { stitchedVit } from './stitched-vit.js'

interface DescendantDraws {
  /** Indices in the grid of the descendants that are drawn. */
  readonly drawn: readonly number[]
  /** Groups of indices of `drawn`: a group is drawn first, then one of it. Undefined where one of all is drawn. */
  readonly groups: readonly (readonly number[])[] | undefined
}

/**
 * Indices of the values in each of `count` equal intervals from the least value to the greatest; empty intervals are
 * left out.
 */
const intervals = (values: readonly number[], count: number): readonly (readonly number[])[] => {
  const least = Math.min(...values)
  const width = (Math.max(...values) - least) / count
  const groups: number[][] = Array.from({ length: count }, () => [])
  values.forEach((value, index) => {
    groups[width === 0 ? 0 : Math.min(count - 1, Math.floor((value - least) / width))].push(index)
  })
  return groups.filter(({ length }) => length > 0)
}

/**
 * All descendants, each as likely as another; with `tuned: 'stitches'` only those that have a stitch layer, because a
 * single model has nothing to train. With `sampling: 'macs'` (SN-Netv2, arXiv 2307.00154) every interval of MACs is
 * equally likely instead, so that the few very small and very large models are not drawn too rarely.
 */
export const descendantDraws = (
  { descendants }: Pick<PoolGrid, 'descendants'>,
  { tuned, sampling, macsGroups }: Pick<StitchParams, 'tuned' | 'sampling' | 'macsGroups'>,
): DescendantDraws => {
  const drawn = [...descendants.keys()].filter((index) => tuned === 'all' || descendants[index].models.length > 1)
  const macs = drawn.map((index) => descendants[index].macs)
  return { drawn, groups: sampling === 'macs' ? intervals(macs, macsGroups) : undefined }
}

/** The `model` of the components of a grid's model; that of stitch layers is `STITCHES`. */
export const modelKey = (index: number): string => `model.${index}`

export const STITCHES = 'stitches'

const partName = (model: number, part: VitPart): string => `${modelKey(model)}/${part}`

/**
 * One component for every part that a step may change by itself: embeddings, blocks, norms, heads and stitch layers.
 * Those of the whole grid, or only those of these names.
 */
export const poolComponents = (
  models: readonly NamedValues[],
  grid: PoolGrid,
  stitches: NamedValues,
  train: Pick<TrainParams, 'undecayed'>,
  only?: readonly string[],
): readonly Component[] => {
  const wanted = (name: string): boolean => only === undefined || only.includes(name)
  return [
    ...grid.configs.flatMap((config, model) =>
      vitParts(config)
        .filter((part) => wanted(partName(model, part)))
        .map((part) => {
          const tensors = vitTensors(config).filter(({ name }) => partOfTensor(name) === part)
          return newComponent(partName(model, part), modelKey(model), tensors, models[model], train)
        }),
    ),
    ...grid.pairs.flatMap((_, pair) => {
      const tensors = pairTensors(grid, pair)
      return layerNames(grid, pair)
        .filter(wanted)
        .map((layer) => {
          const own = tensors.filter(({ name }) => name.startsWith(`${layer}.`))
          return newComponent(layer, STITCHES, own, stitches, train)
        })
    }),
  ]
}

type Tuned = StitchParams['tuned']

/** Names of the components that a descendant's step reads, and among them those that it may change. */
export const componentsOnPath = (
  path: DescendantPath,
  grid: Pick<Grid, 'finalNorm'>,
  tuned: Tuned,
): { readonly trained: readonly string[]; readonly frozen: readonly string[] } => {
  const parts = partsOnPath(path, grid).map(({ model, part }) => partName(model, part))
  const stitches = stitchesOnPath(path)
  return tuned === 'all' ? { trained: [...parts, ...stitches], frozen: [] } : { trained: stitches, frozen: parts }
}

const WEIGHTS: Readonly<Record<TuneLoss, Readonly<Record<string, number>>>> = {
  soft: { ce: 0.5, kl: 0.5 },
  hard: { ce: 0.5, hard: 0.5 },
  none: { ce: 1 },
}

/** What the teacher adds to a batch: its logits, or its likeliest class as a label; `[B, C]`. */
const taughtSpecs = (loss: TuneLoss, { numClasses }: VitConfig, batch: number): TensorSpecs => {
  const spec = { shape: [batch, numClasses], dtype: 'float32' } as const
  return loss === 'none' ? {} : { [loss === 'soft' ? 'teacher.logits' : 'teacher.labels']: spec }
}

/** `teacher.labels` from `teacher.logits`: 1 for the highest logit of each row (the first of equal ones), else 0. */
export const hardLabels = (logits: Float32Array, classes: number): HostArrays => {
  const labels = new Float32Array(logits.length)
  for (let row = 0; row < logits.length; row += classes) {
    let best = 0
    for (let c = 1; c < classes; c++) if (logits[row + c] > logits[row + best]) best = c
    labels[row + best] = 1
  }
  return { 'teacher.labels': labels }
}

/** These models as ones that drop paths, by their components' `model`. */
const droppingModels = (configs: readonly VitConfig[], models: Iterable<number>): DroppingModels =>
  Object.fromEntries([...new Set(models)].map((model) => [modelKey(model), configs[model]]))

/** The parameters that decide what a step minimises and changes. */
type TuneParams = Pick<StitchParams, 'loss' | 'tuned'> & {
  readonly train: Pick<TrainParams, 'batchSize' | 'dropPath' | 'checkpointBlocks'>
}

/** One training step on one descendant. */
export const tuningStep = (
  label: string,
  components: readonly Component[],
  grid: Grid,
  path: DescendantPath,
  { loss, tuned, train }: TuneParams,
): StepDefinition => {
  const { trained, frozen } = componentsOnPath(path, grid, tuned)
  const named = (names: readonly string[]) => components.filter(({ name }) => names.includes(name))
  const config = grid.configs[path[path.length - 1].model]
  const dropping = droppingModels(
    grid.configs,
    path.map(({ model }) => model),
  )
  return {
    label,
    trained: named(trained),
    frozen: named(frozen),
    inputs: {
      ...labelledSpecs(config, train.batchSize),
      ...taughtSpecs(loss, config, train.batchSize),
      ...keepSpecs(dropping, train),
    },
    weights: WEIGHTS[loss],
    loss: (models, batch): Readonly<Record<string, tf.Scalar>> => {
      const params = grid.configs.map((_, index) => models[modelKey(index)] ?? {})
      const modes = grid.configs.map((_, index) => blockMode(batch, modelKey(index), train))
      const pixels = batch['pixels'] as tf.Tensor4D
      const logits = stitchedVit(params, models[STITCHES] ?? {}, grid, path, pixels, modes)
      const ce = crossEntropy(logits, batch['labels'] as tf.Tensor2D)
      if (loss === 'soft') return { ce, kl: klDivergence(logits, batch['teacher.logits'] as tf.Tensor2D) }
      if (loss === 'hard') return { ce, hard: crossEntropy(logits, batch['teacher.labels'] as tf.Tensor2D) }
      return { ce }
    },
  }
}

interface TuningBatchesFrom {
  readonly engine: Engine
  /** Null where there is none; then the loss must be `none`. */
  readonly teacher: Teacher | null
  readonly configs: readonly VitConfig[]
  readonly split: Split
  readonly params: { readonly loss: TuneLoss; readonly train: TrainParams; readonly seed: number }
  readonly progress: (progress: Progress) => void
}

const nothing: TeacherOutputs = () => Promise.resolve({})

/**
 * The inputs of `tuningStep`, batch by batch: images with their labels, the teacher's outputs, and which branches are
 * dropped. Without epochs the teacher is not compiled.
 */
export const tuningBatches = Effect.fnUntraced(function* ({
  engine,
  teacher,
  configs,
  split,
  params: { loss, train, seed },
  progress,
}: TuningBatchesFrom): Effect.fn.Return<Training['batch'], StageError> {
  const [config] = configs
  let taught = nothing
  if (loss !== 'none' && train.epochs > 0) {
    if (teacher === null)
      return yield* new StageError({ message: `the loss '${loss}' needs a teacher, but there is none` })
    taught = yield* teacherOutputs(engine, teacher, { att: [], map: [] }, split, train, progress)
  }
  const labelled = labelledBatches(split, config, train.batchSize, { ...train, seed })
  const kept = keepBatches(droppingModels(configs, configs.keys()), train, seed)
  return async (indices, place, imagesThere) => {
    const batch = await labelled(indices, place)
    imagesThere?.()
    const answers = await taught(indices, batch.pixels)
    const extra = loss === 'hard' ? hardLabels(answers['teacher.logits'] as Float32Array, config.numClasses) : answers
    return { ...batch, ...extra, ...kept(place) }
  }
})
