/** Tuning a stitched pool: what a step on one descendant reads, trains and minimises (docs/method.md, section 5). */
import type * as tf from '@tensorflow/tfjs'
import type { StitchParams, TrainParams, TuneLoss } from '../../dsl/nodes.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import { labelledSpecs } from '../data/batches.js'
import { partOf, vitParts, vitTensors, type Values, type VitPart } from '../model/vit-params.js'
import { partsOnPath, stitchesOnPath } from '../stitching/path-parts.js'
import { layerNames, pairTensors, type PoolGrid } from '../stitching/pool-grid.js'
import { stitchedVit, type Grid, type Segment } from '../stitching/stitched-vit.js'
import { keepOf, keepSpecs, type Dropping } from './drop-path.js'
import { crossEntropy, klDivergence } from './losses.js'
import type { Arrays, Specs, StepDefinition } from './step-definition.js'
import { newComponent, type Component } from './train-state.js'

/** What the models of a grid are called among the components, by their index; the stitch layers are `STITCHES`. */
export const modelKey = (index: number): string => `model.${index}`
export const STITCHES = 'stitches'

const partName = (model: number, part: VitPart): string => `${modelKey(model)}/${part}`

/**
 * One component for every part that a step may change alone: embeddings, blocks, norms, heads and stitch layers. Of the whole
 * grid, or those of these names.
 */
export const poolComponents = (
  models: readonly Values[],
  grid: PoolGrid,
  stitches: Values,
  train: Pick<TrainParams, 'undecayed'>,
  only?: readonly string[],
): readonly Component[] => {
  const wanted = (name: string): boolean => only === undefined || only.includes(name)
  return [
    ...grid.configs.flatMap((config, model) =>
      vitParts(config)
        .filter((part) => wanted(partName(model, part)))
        .map((part) => {
          const tensors = vitTensors(config).filter(({ name }) => partOf(name) === part)
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
  segments: readonly Segment[],
  grid: Pick<Grid, 'finalNorm'>,
  tuned: Tuned,
): { readonly trained: readonly string[]; readonly frozen: readonly string[] } => {
  const parts = partsOnPath(segments, grid).map(({ model, part }) => partName(model, part))
  const stitches = stitchesOnPath(segments)
  return tuned === 'all' ? { trained: [...parts, ...stitches], frozen: [] } : { trained: stitches, frozen: parts }
}

const WEIGHTS: Readonly<Record<TuneLoss, Readonly<Record<string, number>>>> = {
  soft: { ce: 0.5, kl: 0.5 },
  hard: { ce: 0.5, hard: 0.5 },
  none: { ce: 1 },
}

/** What the teacher adds to a batch: its logits, or the class it finds likeliest as a label; `[B, C]`. */
const taughtSpecs = (loss: TuneLoss, { numClasses }: VitConfig, batch: number): Specs => {
  const spec = { shape: [batch, numClasses], dtype: 'float32' } as const
  return loss === 'none' ? {} : { [loss === 'soft' ? 'teacher.logits' : 'teacher.labels']: spec }
}

/** `teacher.labels` from `teacher.logits`: 1 for the highest logit of each row (the first of equal ones), else 0. */
export const hardLabels = (logits: Float32Array, classes: number): Arrays => {
  const labels = new Float32Array(logits.length)
  for (let row = 0; row < logits.length; row += classes) {
    let best = 0
    for (let c = 1; c < classes; c++) if (logits[row + c] > logits[row + best]) best = c
    labels[row + best] = 1
  }
  return { 'teacher.labels': labels }
}

/** The models whose blocks may be left out of an image's path, by the names of their components. */
export const droppingModels = (configs: readonly VitConfig[], models: Iterable<number>): Dropping =>
  Object.fromEntries([...new Set(models)].map((model) => [modelKey(model), configs[model]]))

/** What of a step's parameters says what it minimises and changes. */
export type TuneParams = Pick<StitchParams, 'loss' | 'tuned'> & {
  readonly train: Pick<TrainParams, 'batchSize' | 'dropPath'>
}

/** One training step on one descendant. */
export const tuningStep = (
  label: string,
  components: readonly Component[],
  grid: Grid,
  segments: readonly Segment[],
  { loss, tuned, train }: TuneParams,
): StepDefinition => {
  const { trained, frozen } = componentsOnPath(segments, grid, tuned)
  const named = (names: readonly string[]) => components.filter(({ name }) => names.includes(name))
  const config = grid.configs[segments[segments.length - 1].model]
  const dropping = droppingModels(
    grid.configs,
    segments.map(({ model }) => model),
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
      const keeps = grid.configs.map((_, index) => keepOf(batch, modelKey(index)))
      const pixels = batch['pixels'] as tf.Tensor4D
      const logits = stitchedVit(params, models[STITCHES] ?? {}, grid, segments, pixels, keeps)
      const ce = crossEntropy(logits, batch['labels'] as tf.Tensor2D)
      if (loss === 'soft') return { ce, kl: klDivergence(logits, batch['teacher.logits'] as tf.Tensor2D) }
      if (loss === 'hard') return { ce, hard: crossEntropy(logits, batch['teacher.labels'] as tf.Tensor2D) }
      return { ce }
    },
  }
}
