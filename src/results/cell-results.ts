/** What the cells of an experiment have measured, read from their artifacts, and each cell in a few figures. */
import * as Effect from 'effect/Effect'
import type { StageNode } from '../dsl/nodes.js'
import type { StoreError } from '../runtime/errors.js'
import type { ExperimentCell, ExperimentStage } from '../runtime/plan/experiment.js'
import type { Manifest, Store } from '../runtime/store/store.js'
import {
  type DescendantRow,
  joinLatency,
  type LatencyRow,
  type ModelRow,
  readDescendantRows,
  readLatencyRows,
} from './model-row.js'
import { extentOf, meanOf } from './statistics.js'
import { DamagedFile, readStored } from './stored-text.js'

/** A stage of a cell and its artifact, where there is one. */
export type CellStage = Pick<ExperimentStage, 'node' | 'manifest'>

/** A cell as an experiment or a finished run has it. */
export interface Cell extends Pick<ExperimentCell, 'name' | 'at' | 'seed'> {
  /** By the stage's name in the cell. */
  readonly stages: ReadonlyMap<string, CellStage>
}

/** A model and the artifact that has measured it: cells that share this have measured the model once. */
export type CellRow = ModelRow & { readonly source: string }

/** A number, and the artifacts that it comes from: cells that share these have measured it once. */
interface CellFigure {
  readonly value: number
  readonly source: string
}

export interface CellResults {
  readonly cell: Cell
  /** The measured models by id; none where no evaluation is there. */
  readonly rows: readonly CellRow[]
  /** Whether all that the cell measures is there: of single models every one. */
  readonly isMeasured: boolean
  /** What measures it: the same for cells that share all their evaluations. */
  readonly source: string
  /** Figures of the whole cell by name (`figuresOf`). */
  readonly figures: Readonly<Record<string, CellFigure>>
  /** Stages whose artifacts are not there. */
  readonly missing: readonly string[]
}

export interface ReadCellResults {
  readonly cells: readonly CellResults[]
  /** Stages whose artifacts are damaged, and why; they count as missing. */
  readonly damaged: ReadonlyMap<StageNode, string>
}

interface Measurements {
  readonly rows: readonly DescendantRow[]
  readonly times: readonly LatencyRow[]
}

const isEvaluation = ({ node }: CellStage): boolean => node.kind === 'evaluate' || node.kind === 'single'

const readMeasurements = Effect.fnUntraced(function* (
  manifest: Manifest,
  what: string,
): Effect.fn.Return<Measurements | DamagedFile, StoreError, Store> {
  const rows = yield* readStored(manifest, 'descendants.jsonl', readDescendantRows, what)
  if (rows instanceof DamagedFile) return rows
  const times = yield* readStored(manifest, 'latency.jsonl', readLatencyRows, what)
  if (times instanceof DamagedFile) return times
  return { rows: rows ?? [], times: times ?? [] }
})

const withoutDamaged = (cell: Cell, damaged: ReadonlyMap<StageNode, string>): Cell =>
  [...cell.stages.values()].some(({ node }) => damaged.has(node))
    ? {
        ...cell,
        stages: new Map(
          [...cell.stages].map(([name, { node, manifest }]) => [
            name,
            { node, manifest: damaged.has(node) ? undefined : manifest },
          ]),
        ),
      }
    : cell

interface CellParts {
  /** Of a cell whose measurements are all there; else none. */
  readonly rows: readonly ModelRow[]
  /** Where the rows come from. */
  readonly source: string
  readonly stages: ReadonlyMap<string, CellStage>
}

/** Of all models, of the stitched ones alone, and of the one with the fewest parameters. */
const figuresOfModels = (rows: readonly ModelRow[]): Readonly<Record<string, number>> => {
  if (rows.length === 0) return {}
  const top1 = rows.map((row) => row.top1)
  const [worstTop1, bestTop1] = extentOf(top1)
  const stitched = rows.filter(({ models }) => models.length > 1).map((row) => row.top1)
  const smallest = rows.reduce((a, b) => (b.params < a.params ? b : a))
  return {
    models: rows.length,
    bestTop1,
    meanTop1: meanOf(top1),
    ...(stitched.length === 0 ? {} : { stitchedMeanTop1: meanOf(stitched) }),
    worstTop1,
    smallestParams: smallest.params,
    smallestTop1: smallest.top1,
  }
}

/**
 * By name: `bestTop1`, `meanTop1`, `stitchedMeanTop1`, `worstTop1`, `smallestTop1`, `smallestParams` and `models` of
 * what was measured, and each number of a stage's summary as `<stage>.<figure>`: `teacher.top1`, `stitch.storedParams`.
 */
const figuresOf = ({ rows, source, stages }: CellParts): Readonly<Record<string, CellFigure>> => {
  const models = Object.entries(figuresOfModels(rows)).map(([name, value]) => [name, { value, source }] as const)
  const summaries = [...stages].flatMap(([stage, { node, manifest }]) =>
    node.kind === 'evaluate' || manifest === undefined
      ? []
      : Object.entries(manifest.summary).flatMap(([name, value]) =>
          typeof value === 'number' ? [[`${stage}.${name}`, { value, source: manifest.fingerprint }] as const] : [],
        ),
  )
  return Object.fromEntries([...models, ...summaries])
}

const resultsOf = (cell: Cell, read: ReadonlyMap<StageNode, Measurements>): CellResults => {
  const stages = [...cell.stages.values()]
  const found = stages.flatMap((stage) => {
    const own = read.get(stage.node)
    return own === undefined ? [] : [{ ...own, source: stage.manifest!.fingerprint }]
  })
  const times = found.flatMap((each) => each.times)
  const rows = found
    .flatMap(({ rows: own, source }) => joinLatency(own, times).map((row): CellRow => ({ ...row, source })))
    .sort((a, b) => a.id - b.id)
  const evaluations = stages.filter(isEvaluation)
  const isMeasured = rows.length > 0 && evaluations.every(({ manifest }) => manifest !== undefined)
  // What has not run has no fingerprint yet; its name is unique.
  const source = evaluations.map(({ node, manifest }) => manifest?.fingerprint ?? node.name).join(' ')
  const missing = [...cell.stages].flatMap(([name, { manifest }]) => (manifest === undefined ? [name] : []))
  const figures = figuresOf({ rows: isMeasured ? rows : [], source, stages: cell.stages })
  return { cell, rows, isMeasured, source, figures, missing }
}

/**
 * The rows of every evaluation and single model of the cells, with their times. Each artifact is read once, however
 * many cells share it. Fails with a StoreError that names cell and stage for a file that is as it was stored and yet
 * cannot be read.
 */
export const readCellResults = Effect.fnUntraced(function* (
  cells: readonly Cell[],
): Effect.fn.Return<ReadCellResults, StoreError, Store> {
  const read = new Map<StageNode, Measurements>()
  const damaged = new Map<StageNode, string>()
  for (const cell of cells) {
    for (const stage of cell.stages.values()) {
      const { node, manifest } = stage
      if (manifest === undefined || read.has(node) || damaged.has(node)) continue
      if (!isEvaluation(stage) && node.kind !== 'latency') continue
      const what = cell.name === '' ? `stage ${node.name}` : `stage ${node.name}, cell ${cell.name},`
      const found = yield* readMeasurements(manifest, what)
      if (found instanceof DamagedFile) damaged.set(node, found.why)
      else read.set(node, found)
    }
  }
  return { cells: cells.map((cell) => resultsOf(withoutDamaged(cell, damaged), read)), damaged }
})
