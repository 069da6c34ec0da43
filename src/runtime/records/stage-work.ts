/** How much a stage has to do, as far as its parameters say: what a time measured on one carries over to another by. */
import type { StageNode } from '../../dsl/nodes.js'
import { countPathMacs } from '../../dsl/counting.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import { valueAt } from '../execute/extension.js'
import type { StageKind } from '../stage-contract.js'

interface Telling {
  readonly train?: { readonly epochs?: unknown }
  readonly epochs?: unknown
  readonly model?: unknown
  readonly take?: unknown
}

const macsOf = (described: unknown): number | undefined => {
  try {
    const model = described as VitConfig
    const macs = countPathMacs([{ model, blocks: model.depth }], 'all')
    return Number.isFinite(macs) && macs > 0 ? macs : undefined
  } catch {
    // Not a model as this package describes one: a stage of the user's own may call anything so.
    return undefined
  }
}

const images = new WeakMap<StageNode, number | null>()

/** Images that the data hold which the stage reads, where a subset of known size was asked for. */
const imagesOf = (node: StageNode): number | null => {
  const known = images.get(node)
  if (known !== undefined) return known
  const { take } = node.params as Telling
  const found =
    typeof take === 'number'
      ? take
      : (Object.values(node.inputs)
          .map(imagesOf)
          .find((number) => number !== null) ?? null)
  images.set(node, found)
  return found
}

/** What is left of a stage that goes on from what it was after `at`, as a share of the whole. */
export const shareAfter = (at: number, { extends: by }: Pick<StageKind, 'extends'>, params: object): number => {
  const end = by === undefined ? undefined : valueAt(params, by.at)
  return typeof end === 'number' && end > at ? (end - at) / end : 1
}

export interface StageWork {
  /** Epochs times multiply-accumulates of one image; 1 where the parameters name neither. */
  readonly steps: number
  /** Null where the whole data set is used, or none. */
  readonly images: number | null
}

export const workOf = (node: StageNode): StageWork => {
  const { train, epochs: own, model } = node.params as Telling
  const epochs = train?.epochs ?? own
  const repeats = typeof epochs === 'number' && epochs > 0 ? epochs : 1
  return { steps: repeats * (macsOf(model) ?? 1), images: imagesOf(node) }
}

/** How many times as long as `known` a stage with this work is expected to take. */
export const workRatio = (wanted: StageWork, known: StageWork): number =>
  (wanted.steps / known.steps) *
  (wanted.images === null || known.images === null ? 1 : Math.max(1, wanted.images) / Math.max(1, known.images))
