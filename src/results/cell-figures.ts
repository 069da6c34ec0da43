/** A cell in a few numbers: of its models, and what its other stages summed up. */
import type { ExperimentStage } from '../runtime/experiment.js'
import type { ModelRow } from './model-row.js'

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Of all models, of the stitched ones alone, and of the one with the fewest parameters. */
const figuresOfModels = (rows: readonly ModelRow[]): Readonly<Record<string, number>> => {
  if (rows.length === 0) return {}
  const top1 = rows.map((row) => row.top1)
  const stitched = rows.filter(({ models }) => models.length > 1).map((row) => row.top1)
  const smallest = rows.reduce((a, b) => (b.params < a.params ? b : a))
  return {
    models: rows.length,
    bestTop1: Math.max(...top1),
    meanTop1: mean(top1),
    ...(stitched.length === 0 ? {} : { stitchedMeanTop1: mean(stitched) }),
    worstTop1: Math.min(...top1),
    smallestParams: smallest.params,
    smallestTop1: smallest.top1,
  }
}

/**
 * By name: `bestTop1`, `meanTop1`, `stitchedMeanTop1`, `worstTop1`, `smallestTop1`, `smallestParams` and `models` of what was
 * measured, and each number of a stage's summary as `<stage>.<figure>`: `teacher.top1`, `stitch.storedParams`.
 */
export const figuresOf = (
  rows: readonly ModelRow[],
  stages: ReadonlyMap<string, ExperimentStage>,
): Readonly<Record<string, number>> => {
  const summaries = [...stages].flatMap(([stage, { node, manifest }]) =>
    node.kind === 'evaluate' || manifest === undefined
      ? []
      : Object.entries(manifest.summary).flatMap(([name, value]) =>
          typeof value === 'number' ? [[`${stage}.${name}`, value] as const] : [],
        ),
  )
  return { ...figuresOfModels(rows), ...Object.fromEntries(summaries) }
}

/** Whether a figure is a share of one, shown in per cent. */
export const isShare = (figure: string): boolean => /(?:^|\.|[a-z])[tT]op[15]$/.test(figure)
