/** What pools keep: how many blocks and parameters, against what else one could keep instead. */
import { countParams } from '../dsl/counting.js'
import type { StageNode } from '../dsl/nodes.js'
import type { VitConfig } from '../dsl/vit-config.js'
import type { ExperimentResults } from '../results/experiment-results.js'
import { nameAt } from '../results/group-cells.js'

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

/**
 * Every distinct pool; beside the distilled ones what full anchors of the same widths and the teacher's depth would take, and
 * all models kept one by one.
 */
export const storageOf = ({ cells }: ExperimentResults): readonly StorageItem[] => {
  const items = new Map<string, StorageItem & { readonly cells: string[] }>()
  const compared = new Map<string, StorageItem>()
  for (const { cell, rows } of cells) {
    const stitch = [...cell.stages.values()].find(({ node }) => node.kind === 'stitch')
    if (stitch === undefined) continue
    const models = modelsOf(stitch.node)
    const parts = models.map((one) => ({ name: describe(one), params: countParams(one.model) }))
    const weights = parts.reduce((sum, { params }) => sum + params, 0)
    const stored = numberOf(stitch.manifest?.summary['storedParams'])
    const isDistilled = models.some(({ kind }) => kind === 'distill')
    const key = JSON.stringify([isDistilled, parts, stored])
    const item = items.get(key) ?? {
      name: isDistilled ? 'learngene pool' : 'anchors, trained on labels',
      blocks: models.reduce((sum, { model }) => sum + model.depth, 0),
      params: stored ?? weights,
      parts:
        stored === undefined || stored <= weights
          ? parts
          : [...parts, { name: 'stitch layers', params: stored - weights }],
      measured: stitch.manifest !== undefined,
      cells: [],
    }
    item.cells.push(nameAt(cell.at))
    items.set(key, item)
    const teacher = cell.stages.get('teacher')?.node.params as { readonly model: VitConfig } | undefined
    const anchors = isDistilled && teacher !== undefined ? deepened(models, teacher.model.depth) : undefined
    if (anchors !== undefined) compared.set(JSON.stringify(anchors.parts), anchors)
    if (rows.length > 0 && compared.get('alone') === undefined) {
      const params = rows.reduce((sum, { paramsStored }) => sum + paramsStored, 0)
      const name = `all ${rows.length} models one by one (counted)`
      compared.set('alone', {
        name,
        blocks: rows.reduce((sum, { depth }) => sum + depth, 0),
        params,
        parts: [],
        measured: false,
        cells: [],
      })
    }
  }
  const pools = [...items.values()].map((item): StorageItem => {
    const used = [...new Set(item.cells)].filter((name) => name !== '')
    // Pools of one kind are told apart by where they are used, as long as that can be said shortly.
    const where = items.size > 1 && used.length > 0 && used.length <= mostNamed ? ` (${used.join('; ')})` : ''
    return { ...item, name: `${item.name}${where}`, cells: used }
  })
  return [...pools, ...compared.values()]
}
