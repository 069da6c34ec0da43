/** What stages compute for an image, by the definition alone, so that no stage is loaded for it. */
import { countPathMacs } from '../dsl/counting.js'
import { enumerateDescendants } from '../dsl/descendants.js'
import type { GridParams, SingleParams, StageNode, StitchParams } from '../dsl/nodes.js'
import type { VitConfig } from '../dsl/vit-config.js'
import type { ImageWork } from '../runtime/stage-contract.js'

/** A pass back costs two passes forward: of a training step, one forward is a third. */
const forwardShare = 1 / 3

const macsOf = (model: VitConfig): number => countPathMacs([{ model, blocks: model.depth }], 'all')

const modelOf = (node: StageNode | undefined): VitConfig | undefined =>
  (node?.params as { readonly model?: VitConfig } | undefined)?.model

/** Multiply-accumulates of each descendant. */
const descendantMacs = (models: readonly VitConfig[], grid: GridParams): readonly number[] =>
  enumerateDescendants({ models, ...grid }).map(({ macs }) => macs)

/** Of the descendants of a stitched pool; empty where the students are not known. */
const stitchedMacs = ({ params, inputs }: StageNode): readonly number[] => {
  const { models: names, grid } = params as StitchParams
  const models = names.flatMap((name) => modelOf(inputs['pool']?.inputs[name]) ?? [])
  return models.length === names.length ? descendantMacs(models, grid) : []
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** A teacher answers for the images that are learned from. */
const taught = (macs: number, { inputs }: StageNode): ImageWork => {
  const teacher = modelOf(inputs['teacher'])
  return { models: 1, macs: macs + (teacher === undefined ? 0 : forwardShare * macsOf(teacher)) }
}

const workIn = (node: StageNode): ImageWork | undefined => {
  const model = modelOf(node)
  if (model !== undefined) return taught(macsOf(model), node)
  if (node.kind === 'single') {
    const { models, grid, descendant } = node.params as SingleParams
    return taught(descendantMacs(models, grid)[descendant]!, node)
  }
  const { stitch } = node.inputs
  const macs = node.kind === 'stitch' ? stitchedMacs(node) : stitch === undefined ? [] : stitchedMacs(stitch)
  if (macs.length === 0) return undefined
  // Tuning draws one model for a batch, measuring takes all of them.
  return node.kind === 'stitch' ? taught(mean(macs), node) : { models: macs.length, macs: mean(macs) }
}

const known = new WeakMap<StageNode, ImageWork | undefined>()

/** As `StageKind.work` says. */
export const imageWork = (node: StageNode): ImageWork | undefined => {
  if (!known.has(node)) known.set(node, workIn(node))
  return known.get(node)
}
