/** What a descendant is made of: the parts of models and the stitch layers that it runs. */
import { partOf, vitTensors, type TensorDefinition, type VitPart } from '../model/vit-params.js'
import { gridStitchTensors, type PoolGrid } from './pool-grid.js'
import { runsFinalNorm, type Grid, type Segment } from './stitched-vit.js'

/** One part of one model. */
export interface ModelPart {
  /** Index of the model in its grid. */
  readonly model: number
  readonly part: VitPart
}

/** The parts of models that a descendant runs, in forward order. */
export const partsOnPath = (segments: readonly Segment[], grid: Pick<Grid, 'finalNorm'>): readonly ModelPart[] => {
  const final = segments.length - 1
  return segments.flatMap(({ model, first, last }, index) => {
    const parts: VitPart[] = []
    if (index === 0) parts.push('embed')
    for (let block = first; block <= last; block++) parts.push(`blocks.${block}`)
    if (index === final && runsFinalNorm(segments, grid)) parts.push('norm')
    if (index === final) parts.push('head')
    return parts.map((part) => ({ model, part }))
  })
}

/** The stitch layers that a descendant runs, by name. */
export const stitchesOnPath = (segments: readonly Segment[]): readonly string[] =>
  segments.flatMap(({ stitch }) => stitch ?? [])

/** Tensors of some descendants of a grid. */
export interface GridTensors {
  /** By the model's index; empty for a model that none of them runs. */
  readonly models: readonly (readonly TensorDefinition[])[]
  readonly stitches: readonly TensorDefinition[]
}

/** Everything that these paths run and nothing else, each tensor once. */
export const tensorsOnPaths = (paths: readonly (readonly Segment[])[], grid: PoolGrid): GridTensors => {
  const parts = new Set(paths.flatMap((path) => partsOnPath(path, grid).map(({ model, part }) => `${model} ${part}`)))
  const layers = new Set(paths.flatMap(stitchesOnPath))
  return {
    models: grid.configs.map((config, model) =>
      vitTensors(config).filter(({ name }) => parts.has(`${model} ${partOf(name)}`)),
    ),
    stitches: gridStitchTensors(grid).filter(({ name }) => layers.has(name.slice(0, name.lastIndexOf('.')))),
  }
}

/** Every tensor of every model and stitch layer, whether a descendant runs it or not. */
export const tensorsOfGrid = (grid: PoolGrid): GridTensors => ({
  models: grid.configs.map(vitTensors),
  stitches: gridStitchTensors(grid),
})
