/** A suite's run as sentences: what its cells share, and which of them failed and why. */
import type { CellOutcome, Sharing } from '../../runtime/definition/cell-outcomes.js'

/** `27 cells, 189 stages of which 46 are distinct`. */
export const describeSharing = ({ cells, asked, distinct }: Sharing): string =>
  `${cells} ${cells === 1 ? 'cell' : 'cells'}, ${asked} stages of which ${distinct} are distinct`

/** More cells than this are not named for one reason, and more reasons than this are not told. */
const [mostCells, mostReasons] = [5, 10]

/** Cells that failed for the same reason stand together, each with the stage that failed. */
const describeFailures = (outcomes: readonly CellOutcome[]): readonly string[] => {
  const byMessage = new Map<string, string[]>()
  let failed = 0
  for (const { name, failure } of outcomes) {
    if (failure === undefined) continue
    failed += 1
    const cells = byMessage.get(failure.message) ?? []
    cells.push(`    ${name}  in ${failure.stage}`)
    byMessage.set(failure.message, cells)
  }
  if (failed === 0) return []
  const reasons = [...byMessage]
  const others = reasons.slice(mostReasons).reduce((sum, [, cells]) => sum + cells.length, 0)
  return [
    `${failed} of ${outcomes.length} cells failed`,
    ...reasons
      .slice(0, mostReasons)
      .flatMap(([message, cells]) => [
        `  ${message}`,
        ...cells.slice(0, mostCells),
        ...(cells.length > mostCells ? [`    and ${cells.length - mostCells} more`] : []),
      ]),
    ...(others === 0 ? [] : [`  and ${others} more for other reasons`]),
  ]
}

/** Lines for the end of a run; `ran` is the number of stages that were computed. */
export const describeOutcomes = (
  { asked, distinct, outcomes }: Sharing & { readonly outcomes: readonly CellOutcome[] },
  ran: number,
): readonly string[] => [`stages asked for ${asked}, distinct ${distinct}, run ${ran}`, ...describeFailures(outcomes)]
