/** How many blocks and parameters each pool stores, compared with the alternatives to a pool. */
import { countParams } from '../dsl/counting.js'
import type { StageNode } from '../dsl/nodes.js'
import type { VitConfig } from '../dsl/vit-config.js'
import type { ExperimentResults } from '../results/experiment-results.js'
import { plural } from '../results/format.js'
import { shortLabels } from '../results/group-results.js'
import { sumOf } from '../results/statistics.js'
import type { Cell, CellStage } from '../results/cell-results.js'

/** A pool or an alternative to it, with its parts. */
export interface StorageItem {
  readonly name: string
  /** Transformer blocks that it stores. */
  readonly blocks: number
  readonly params: number
  readonly parts: readonly { readonly name: string; readonly params: number }[]
  /** Whether an artifact of this experiment stores it; else it is only counted, to compare with. */
  readonly measured: boolean
  /** Cells that use it. */
  readonly cells: readonly string[]
}

/** At most so many cells are named beside a pool. */
const mostNamed = 3

interface PooledModel {
  readonly name: string
  readonly kind: string
  readonly model: VitConfig
}

const paramsOf = (parts: StorageItem['parts']): number => sumOf(parts.map(({ params }) => params))

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

/** The same models with as many blocks as the teacher; undefined where they have. */
const deepened = (models: readonly PooledModel[], depth: number): StorageItem | undefined => {
  if (models.every(({ model }) => model.depth >= depth)) return undefined
  const parts = models.map(({ name, model }) => ({
    name: `${name} ${model.embedDim}×${depth}`,
    params: countParams({ ...model, depth }),
  }))
  return {
    name: 'anchors as deep as the teacher (counted)',
    blocks: depth * models.length,
    params: paramsOf(parts),
    parts,
    measured: false,
    cells: [],
  }
}

interface Kept extends StorageItem {
  readonly cells: string[]
}

/** Adds a cell to the item of this key, which is made first if needed. */
const keep = (items: Map<string, Kept>, key: string, at: string, make: () => Omit<StorageItem, 'cells'>): void => {
  const item = items.get(key) ?? { ...make(), cells: [] }
  item.cells.push(at)
  items.set(key, item)
}

/** Names the cells beside items of one kind, to tell them apart, unless these are too many. */
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
  /** Parameters of its weights and stitch layers; undefined where it has not been stitched yet. */
  readonly stored: number | undefined
}

const poolItem = ({ isDistilled, models, parts, stored }: Pool): Omit<StorageItem, 'cells'> => {
  const weights = paramsOf(parts)
  return {
    name: isDistilled ? 'learngene pool' : 'anchors, trained on labels',
    blocks: sumOf(models.map(({ model }) => model.depth)),
    params: stored ?? weights,
    parts:
      stored === undefined || stored <= weights
        ? parts
        : [...parts, { name: 'stitch layers', params: stored - weights }],
    measured: stored !== undefined,
  }
}

/**
 * The distinct pools. One that is not stitched yet counts as the stitched one with the same models, if there is one.
 */
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

/** For each set of models that cells have measured, what storing every model by itself would take. */
const aloneItems = (cells: ExperimentResults['cells']): readonly StorageItem[] => {
  const items = new Map<string, Kept>()
  for (const { cell, rows, isMeasured } of cells) {
    if (!isMeasured || rows.length === 0 || stitchOf(cell) === undefined) continue
    const params = sumOf(rows.map(({ paramsStored }) => paramsStored))
    const blocks = sumOf(rows.map(({ depth }) => depth))
    const name = `all ${plural(rows.length, 'model')} one by one (counted)`
    keep(items, JSON.stringify([rows.length, blocks, params]), shortLabels(cell.at), () => ({
      name,
      blocks,
      params,
      parts: [],
      measured: false,
    }))
  }
  // A single set belongs to the whole experiment, so no cells are named.
  return items.size === 1 ? [...items.values()].map((item) => ({ ...item, cells: [] })) : named([...items.values()])
}

/**
 * Every distinct pool; for distilled ones also what anchors of the same widths and the teacher's depth would take; and
 * what storing every model by itself would take.
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
    const weights = paramsOf(parts)
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
