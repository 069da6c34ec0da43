/** What the cells of an experiment have measured, read from their artifacts, and each cell in a few figures. */
import * as Effect from 'effect/Effect'
import type { Json, StageNode } from '../dsl/nodes.js'
import { isUserStageNode } from '../runtime/definition/user-stage.js'
import type { StoreError } from '../runtime/errors.js'
import type { ExperimentCell, ExperimentStage } from '../runtime/plan/experiment.js'
import { leavesOf } from '../runtime/plan/reasons.js'
import type { Manifest, Store } from '../runtime/store/store.js'
import {
  type DescendantRow,
  joinLatency,
  type LatencyRow,
  type ModelRow,
  readDescendantRows,
  readLatencyRows,
} from './model-row.js'
import { type FigureSplit, splitOfModels, splitOfSummary } from './splits.js'
import { extentOf, meanOf } from './statistics.js'
import { DamagedFile, readStored } from './stored-text.js'

/** A stage of a cell and its artifact, where there is one. */
export type CellStage = Pick<ExperimentStage, 'node' | 'manifest'>

/** A cell as an experiment or a finished run has it. */
export interface Cell extends Pick<ExperimentCell, 'name' | 'at' | 'seed'> {
  /** By the stage's name in the cell. */
  readonly stages: ReadonlyMap<string, CellStage>
}

/** A model, the images that it was measured on, and the artifact that has: cells that share it measured it once. */
export type CellRow = ModelRow & { readonly source: string; readonly split: FigureSplit }

export interface CellFigure {
  /** A number mostly; what a stage of the user's own gives may be a text, a list, … */
  readonly value: Json
  /** The artifacts that it comes from: cells that share these have measured it once. */
  readonly source: string
  /** The images that it was measured on, where it was on images and a stage of genepool's own did; several may be. */
  readonly splits: readonly FigureSplit[]
  /** Whether a stage of the user's own gives it. */
  readonly isOwn: boolean
}

export interface CellResults {
  readonly cell: Cell
  /** The measured models by id; none where no evaluation is there. */
  readonly rows: readonly CellRow[]
  /** Whether it has a stage that measures models, be it there or not. */
  readonly evaluates: boolean
  /** Whether all that the cell measures is there: of single models every one; without any, every stage. */
  readonly isMeasured: boolean
  /** What measures it: the same for cells that share all their evaluations, or without any all that gives figures. */
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
 * What a stage has returned beside its files, by `<stage>.<figure>`: `teacher.top1`, `count.byClass.cat` of a figure
 * that is an object. What an evaluation returns are the figures of its models.
 */
const figuresOfStage = (stage: string, { node, manifest }: CellStage): readonly (readonly [string, CellFigure])[] => {
  if (node.kind === 'evaluate' || manifest === undefined) return []
  const isOwn = isUserStageNode(node)
  return [...leavesOf(manifest.summary)].map(([figure, value]) => {
    const split = splitOfSummary(node, figure)
    const splits = split === undefined ? [] : [split]
    return [`${stage}.${figure}`, { value, source: manifest.fingerprint, splits, isOwn }]
  })
}

const givesNumbers = ({ manifest }: CellStage): boolean =>
  manifest !== undefined && [...leavesOf(manifest.summary).values()].some((value) => typeof value === 'number')

const resultsOf = (cell: Cell, read: ReadonlyMap<StageNode, Measurements>): CellResults => {
  const stages = [...cell.stages.values()]
  const found = stages.flatMap((stage) => {
    const own = read.get(stage.node)
    return own === undefined ? [] : [{ ...own, split: splitOfModels(stage.node), source: stage.manifest!.fingerprint }]
  })
  const times = found.flatMap((each) => each.times)
  const rows = found
    .flatMap(({ rows: own, source, split }) =>
      joinLatency(own, times).map((row): CellRow => ({ ...row, source, split: split! })),
    )
    .sort((a, b) => a.id - b.id)
  const evaluations = stages.filter(isEvaluation)
  const evaluates = evaluations.length > 0
  const missing = [...cell.stages].flatMap(([name, { manifest }]) => (manifest === undefined ? [name] : []))
  const measuring = evaluates
    ? evaluations
    : stages.filter((stage) => stage.manifest === undefined || givesNumbers(stage))
  const isThere = measuring.every(({ manifest }) => manifest !== undefined)
  const isMeasured = isThere && (evaluates ? rows.length > 0 : measuring.length > 0)
  // What has not run has no fingerprint yet; its name is unique.
  const source = measuring.map(({ node, manifest }) => manifest?.fingerprint ?? node.name).join(' ')
  const ofModels = Object.entries(figuresOfModels(isMeasured ? rows : [])).map(
    ([name, value]): [string, CellFigure] => {
      const splits = name.endsWith('Top1') ? [...new Set(rows.map(({ split }) => split))] : []
      return [name, { value, source, splits, isOwn: false }]
    },
  )
  const ofStages = [...cell.stages].flatMap(([name, stage]) => figuresOfStage(name, stage))
  const figures = Object.fromEntries([...ofModels, ...ofStages])
  return { cell, rows, evaluates, isMeasured, source, figures, missing }
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
