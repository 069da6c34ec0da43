/** Tuning a stitched pool: what a step on one descendant reads, trains and minimises (docs/method.md, section 5). */
import type * as tf from '@tensorflow/tfjs'
import type { TuneLoss } from '../../dsl/nodes.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import { labelledSpecs } from '../data/batches.js'
import { crossEntropy, klDivergence } from './losses.js'
import type { StoredModel } from '../model/model-files.js'
import { runsFinalNorm, stitchedVit, stitchTensors, type Grid, type Segment } from '../stitching/stitched-vit.js'
import { newComponent, type Component } from './train-state.js'
import type { Arrays, Specs, StepDefinition } from './step-definition.js'
import { partOf, vitParts, vitTensors, type Values, type VitPart } from '../model/vit-params.js'

/** Names of the two models among the components, by their index in the grid. */
export const MODELS = ['from', 'to'] as const

export type Weights = Pick<StoredModel, 'config' | 'values'>

/** One component for every part that a step may change alone: embeddings, blocks, norms, heads and stitch layers. */
export const poolComponents = (models: readonly Weights[], layers: number, stitches: Values): readonly Component[] => {
  const [front, end] = models
  return [
    ...models.flatMap(({ config, values }, index) =>
      vitParts(config).map((part) => {
        const tensors = vitTensors(config).filter(({ name }) => partOf(name) === part)
        return newComponent(`${MODELS[index]}/${part}`, MODELS[index], tensors, values)
      }),
    ),
    ...Array.from({ length: layers }, (_, layer) =>
      newComponent(`stitch/${layer}`, 'stitch', stitchTensors(layer, front.config, end.config), stitches),
    ),
  ]
}

/** Names of the components on a descendant's path: all that its step may change. */
export const trainedBy = (segments: readonly Segment[], grid: Grid): readonly string[] => {
  const last = segments.length - 1
  return segments.flatMap(({ model, first, last: lastBlock, layer }, index) => {
    const parts: VitPart[] = []
    if (index === 0) parts.push('embed')
    for (let block = first; block <= lastBlock; block++) parts.push(`blocks.${block}`)
    if (index === last && runsFinalNorm(segments, grid)) parts.push('norm')
    if (index === last) parts.push('head')
    const names = parts.map((part) => `${MODELS[model]}/${part}`)
    return layer === null ? names : [`stitch/${layer}`, ...names]
  })
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

/** One tuning step on one descendant. */
export const tuningStep = (
  label: string,
  components: readonly Component[],
  grid: Grid,
  segments: readonly Segment[],
  loss: TuneLoss,
  batchSize: number,
): StepDefinition => {
  const names = new Set(trainedBy(segments, grid))
  const config = grid.configs[segments[segments.length - 1].model]
  return {
    label,
    trained: components.filter(({ name }) => names.has(name)),
    frozen: [],
    inputs: { ...labelledSpecs(config, batchSize), ...taughtSpecs(loss, config, batchSize) },
    weights: WEIGHTS[loss],
    loss: (models, batch): Readonly<Record<string, tf.Scalar>> => {
      const params = MODELS.map((name) => models[name] ?? {})
      const logits = stitchedVit(params, models['stitch'] ?? {}, grid, segments, batch['pixels'] as tf.Tensor4D)
      const ce = crossEntropy(logits, batch['labels'] as tf.Tensor2D)
      if (loss === 'soft') return { ce, kl: klDivergence(logits, batch['teacher.logits'] as tf.Tensor2D) }
      if (loss === 'hard') return { ce, hard: crossEntropy(logits, batch['teacher.labels'] as tf.Tensor2D) }
      return { ce }
    },
  }
}
