/**
 * What a model that stands alone runs: a whole model or a descendant, without the pool that it comes from. Its tensors
 * have names of their own, so that one file can hold them.
 */
import type * as tf from '@tensorflow/tfjs-core'
import type { FinalNorm } from '../../dsl/nodes.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import { partOfTensor, vitTensors } from '../model/vit.js'
import type { NamedTensors, TensorDefinition } from '../tensors/named-tensors.js'
import { type DescendantPath, partsOnPath, stitchTensors } from './grid.js'
import { stitchedVit } from './stitched-vit.js'

/** What runs, in order: blocks of models, and stitch layers between them. */
export interface RunPlan {
  /** In the order of their names; blocks that do not run count in their depth. */
  readonly models: Readonly<Record<string, VitConfig>>
  /** `model` is a place in `models`. */
  readonly path: DescendantPath
  /** Whether the last LayerNorm runs before the head. */
  readonly finalNorm: boolean
}

/** What the names of a model's tensors begin with. */
export const prefixOf = ({ path }: RunPlan, name: string): string => (path.length === 1 ? '' : `${name}.`)

const finalNormOf = ({ finalNorm }: RunPlan): FinalNorm => (finalNorm ? 'all' : 'none')

/** The tensors that are run, by their names in a model that stands alone. */
export const tensorsOfPlan = (plan: RunPlan): readonly TensorDefinition[] => {
  const { models, path } = plan
  const configs = Object.values(models)
  const parts = partsOnPath(path, { finalNorm: finalNormOf(plan) })
  const own = Object.entries(models).flatMap(([name, config], index) => {
    const run = new Set(parts.flatMap(({ model, part }) => (model === index ? [part] : [])))
    return vitTensors(config)
      .filter((tensor) => run.has(partOfTensor(tensor.name)))
      .map((tensor) => ({ ...tensor, name: prefixOf(plan, name) + tensor.name }))
  })
  const stitches = path.flatMap(({ model, stitch }, at) =>
    stitch === null ? [] : stitchTensors(stitch, configs[path[at - 1].model], configs[model]),
  )
  return [...own, ...stitches]
}

/** The model's shape as others see it: that of the one that it ends in. */
export const shapeOfPlan = ({ models, path }: RunPlan): VitConfig => Object.values(models)[path.at(-1)!.model]

/** Tensors by the names of `tensorsOfPlan`, pixels `[B, h, w, c]` → logits `[B, classes]`. */
export const planLogits = (plan: RunPlan, params: NamedTensors, pixels: tf.Tensor4D): tf.Tensor2D => {
  const grid = { configs: Object.values(plan.models), pairs: [], finalNorm: finalNormOf(plan) }
  const models = Object.keys(plan.models).map((name) => {
    const prefix = prefixOf(plan, name)
    const own = Object.entries(params).filter(([tensor]) => tensor.startsWith(prefix))
    return Object.fromEntries(own.map(([tensor, value]) => [tensor.slice(prefix.length), value]))
  })
  return stitchedVit(models, params, grid, plan.path, pixels)
}
