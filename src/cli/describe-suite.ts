/** A suite's run as sentences: what its cells share, and which of them failed and why. */
import type { CellOutcome, Sharing } from '../runtime/cell-outcomes.js'

/** `27 cells, 189 stages of which 46 are distinct`. */
export const describeSharing = ({ cells, asked, distinct }: Sharing): string =>
  `${cells} ${cells === 1 ? 'cell' : 'cells'}, ${asked} stages of which ${distinct} are distinct`

/** Cells that failed for the same reason stand together, each with the stage that failed. */
const describeFailures = (outcomes: readonly CellOutcome[]): readonly string[] => {
  const failed = outcomes.flatMap(({ name, failure }) => (failure === undefined ? [] : [{ name, ...failure }]))
  if (failed.length === 0) return []
  const byMessage = new Map<string, string[]>()
  for (const { name, stage, message } of failed) {
    byMessage.set(message, [...(byMessage.get(message) ?? []), `    ${name}  in ${stage}`])
  }
  return [
    `${failed.length} of ${outcomes.length} cells failed`,
    ...[...byMessage].flatMap(([message, cells]) => [`  ${message}`, ...cells]),
  ]
}

/** Lines for the end of a run; `ran` is the number of stages that were computed. */
export const describeOutcomes = (
  { asked, distinct, outcomes }: Sharing & { readonly outcomes: readonly CellOutcome[] },
  ran: number,
): readonly string[] => [`stages asked for ${asked}, distinct ${distinct}, run ${ran}`, ...describeFailures(outcomes)]
