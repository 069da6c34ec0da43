/** A cell in a few numbers: of its models, and what its other stages summed up. */
import { extentOf } from './extent.js'
import type { ModelRow } from './model-row.js'
import type { CellStage } from './read-cells.js'

/** A number, and the artifacts that it comes from: cells that share these have measured it once. */
export interface CellFigure {
  readonly value: number
  readonly source: string
}

export interface CellParts {
  /** Of a cell whose measurements are all there; else none. */
  readonly rows: readonly ModelRow[]
  /** Where the rows come from. */
  readonly source: string
  readonly stages: ReadonlyMap<string, CellStage>
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

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
    meanTop1: mean(top1),
    ...(stitched.length === 0 ? {} : { stitchedMeanTop1: mean(stitched) }),
    worstTop1,
    smallestParams: smallest.params,
    smallestTop1: smallest.top1,
  }
}

/**
 * By name: `bestTop1`, `meanTop1`, `stitchedMeanTop1`, `worstTop1`, `smallestTop1`, `smallestParams` and `models` of what was
 * measured, and each number of a stage's summary as `<stage>.<figure>`: `teacher.top1`, `stitch.storedParams`.
 */
export const figuresOf = ({ rows, source, stages }: CellParts): Readonly<Record<string, CellFigure>> => {
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

/** Whether a figure is a share of one, shown in per cent. */
export const isShare = (figure: string): boolean => /(?:^|\.|[a-z])[tT]op[15]$/.test(figure)
