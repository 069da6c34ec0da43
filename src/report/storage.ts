/** What pools keep: how many blocks and parameters, against what else one could keep instead. */
import { countParams } from '../dsl/counting.js'
import type { StageNode } from '../dsl/nodes.js'
import type { VitConfig } from '../dsl/vit-config.js'
import type { ExperimentResults } from '../results/experiment-results.js'
import { plural } from '../results/format.js'
import { shortLabels } from '../results/group-results.js'
import type { Cell, CellStage } from '../results/cell-results.js'

/** One thing that could be kept, in parts. */
export interface StorageItem {
  readonly name: string
  /** Blocks that it keeps, `instances` of a pool. */
  readonly blocks: number
  readonly params: number
  readonly parts: readonly { readonly name: string; readonly params: number }[]
  /** Kept by an artifact of this experiment, or only counted to compare with. */
  readonly measured: boolean
  /** Cells that keep it. */
  readonly cells: readonly string[]
}

/** So many cells are named beside a pool. */
const mostNamed = 3

interface PooledModel {
  readonly name: string
  readonly kind: string
  readonly model: VitConfig
}

const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

const modelsOf = (stitch: StageNode): readonly PooledModel[] => {
  const { models } = stitch.params as { readonly models: readonly string[] }
  const students = stitch.inputs['pool']?.inputs ?? {}
  return models.flatMap((name) => {
    const node = students[name]
    if (node === undefined) return []
    return [{ name, kind: node.kind, model: (node.params as { readonly model: VitConfig }).model }]
  })
}

const stitchOf = ({ stages }: Cell): CellStage | undefined =>
  [...stages.values()].find(({ node }) => node.kind === 'stitch')

const describe = ({ name, model }: PooledModel): string => `${name} ${model.embedDim}×${model.depth}`

const deepened = (models: readonly PooledModel[], depth: number): StorageItem | undefined => {
  if (models.every(({ model }) => model.depth >= depth)) return undefined
  const parts = models.map(({ name, model }) => ({
    name: `${name} ${model.embedDim}×${depth}`,
    params: countParams({ ...model, depth }),
  }))
  return {
    name: `anchors as deep as the teacher (counted)`,
    blocks: depth * models.length,
    params: parts.reduce((sum, { params }) => sum + params, 0),
    parts,
    measured: false,
    cells: [],
  }
}

interface Kept extends StorageItem {
  readonly cells: string[]
}

/** The item, with one cell more that keeps it. */
const keep = (items: Map<string, Kept>, key: string, at: string, make: () => Omit<StorageItem, 'cells'>): void => {
  const item = items.get(key) ?? { ...make(), cells: [] }
  item.cells.push(at)
  items.set(key, item)
}

/** Things of one kind are told apart by where they are used, as long as that can be said shortly. */
const named = (items: readonly Kept[]): readonly StorageItem[] =>
  items.map((item): StorageItem => {
    const used = [...new Set(item.cells)].filter((name) => name !== '')
    const where = items.length > 1 && used.length > 0 && used.length <= mostNamed ? ` (${used.join('; ')})` : ''
    return { ...item, name: `${item.name}${where}`, cells: used }
  })

interface Pool {
  readonly at: string
  readonly isDistilled: boolean
  readonly models: readonly PooledModel[]
  readonly parts: StorageItem['parts']
  /** Of its weights and stitch layers; undefined where it has not been stitched yet. */
  readonly stored: number | undefined
}

const poolItem = ({ isDistilled, models, parts, stored }: Pool): Omit<StorageItem, 'cells'> => {
  const weights = parts.reduce((sum, { params }) => sum + params, 0)
  return {
    name: isDistilled ? 'learngene pool' : 'anchors, trained on labels',
    blocks: models.reduce((sum, { model }) => sum + model.depth, 0),
    params: stored ?? weights,
    parts:
      stored === undefined || stored <= weights
        ? parts
        : [...parts, { name: 'stitch layers', params: stored - weights }],
    measured: stored !== undefined,
  }
}

/** Distinct pools. One that has not been stitched yet is held to be the one of the same models that has. */
const poolItems = (pools: readonly Pool[]): readonly StorageItem[] => {
  const items = new Map<string, Kept>()
  const firstOf = new Map<string, string>()
  const stitchedFirst = [...pools].sort((a, b) => Number(a.stored === undefined) - Number(b.stored === undefined))
  for (const pool of stitchedFirst) {
    const parts = JSON.stringify([pool.isDistilled, pool.parts])
    const own = `${parts} ${pool.stored}`
    if (!firstOf.has(parts)) firstOf.set(parts, own)
    keep(items, pool.stored === undefined ? firstOf.get(parts)! : own, pool.at, () => poolItem(pool))
  }
  return named([...items.values()])
}

/** All models of a cell kept one by one, for each set of models that cells have measured. */
const aloneItems = (cells: ExperimentResults['cells']): readonly StorageItem[] => {
  const items = new Map<string, Kept>()
  for (const { cell, rows, isMeasured } of cells) {
    if (!isMeasured || stitchOf(cell) === undefined) continue
    const params = rows.reduce((sum, { paramsStored }) => sum + paramsStored, 0)
    const blocks = rows.reduce((sum, { depth }) => sum + depth, 0)
    const name = `all ${plural(rows.length, 'model')} one by one (counted)`
    keep(items, JSON.stringify([rows.length, blocks, params]), shortLabels(cell.at), () => ({
      name,
      blocks,
      params,
      parts: [],
      measured: false,
    }))
  }
  // Where there is one such set, it is that of the whole experiment.
  return items.size === 1 ? [...items.values()].map((item) => ({ ...item, cells: [] })) : named([...items.values()])
}

/**
 * Every distinct pool; beside the distilled ones what full anchors of the same widths and the teacher's depth would take, and
 * all models kept one by one.
 */
export const storageOf = ({ cells }: Pick<ExperimentResults, 'cells'>): readonly StorageItem[] => {
  const pools: Pool[] = []
  const anchors = new Map<string, StorageItem>()
  for (const { cell } of cells) {
    const stitch = stitchOf(cell)
    if (stitch === undefined) continue
    const models = modelsOf(stitch.node)
    const parts = models.map((one) => ({ name: describe(one), params: countParams(one.model) }))
    const isDistilled = models.some(({ kind }) => kind === 'distill')
    const weights = parts.reduce((sum, { params }) => sum + params, 0)
    const stored =
      stitch.manifest === undefined ? undefined : (numberOf(stitch.manifest.summary['storedParams']) ?? weights)
    pools.push({ at: shortLabels(cell.at), isDistilled, models, parts, stored })
    const teacher = cell.stages.get('teacher')?.node.params as { readonly model: VitConfig } | undefined
    const deeper = isDistilled && teacher !== undefined ? deepened(models, teacher.model.depth) : undefined
    if (deeper !== undefined) anchors.set(JSON.stringify(deeper.parts), deeper)
  }
  if (pools.length === 0) return []
  return [...poolItems(pools), ...anchors.values(), ...aloneItems(cells)]
}
