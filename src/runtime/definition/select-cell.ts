/**
 * The cell of a suite that a selector names: `init=learned,positions=end,seed=1`, in any order, as many parts as it
 * takes.
 */
import * as Effect from 'effect/Effect'
import { UsageError } from '../errors.js'
import type { GraphCell, StageGraph } from './stage-graph.js'

/** More names than this are not listed. */
const mostListed = 6

const listed = (names: readonly string[]): string =>
  names.length <= mostListed
    ? names.join('; ')
    : `${names.slice(0, mostListed).join('; ')}; and ${names.length - mostListed} more`

/** Fails with a UsageError that lists what there is, where a part is unknown or not exactly one cell is meant. */
export const selectCell = Effect.fnUntraced(function* (
  suite: StageGraph,
  selector: string,
): Effect.fn.Return<GraphCell, UsageError> {
  const whole = suite.cells.find(({ name }) => name === selector)
  if (whole !== undefined) return whole
  const labels = new Map(
    Object.entries({ ...suite.axes, seed: suite.seeds }).map(([axis, of]) => [axis, of.map(String)]),
  )
  const wanted = new Map<string, string>()
  for (const part of selector.split(',').map((text) => text.trim())) {
    const equals = part.indexOf('=')
    const [axis, label] = equals < 0 ? [part, undefined] : [part.slice(0, equals), part.slice(equals + 1)]
    const there = labels.get(axis)
    if (there === undefined || label === undefined) {
      return yield* new UsageError({
        message:
          label === undefined
            ? `'${part}' names no cell of suite '${suite.name}': write axis=value, with commas between`
            : `suite '${suite.name}' has no axis '${axis}'`,
        hint: `its axes are ${[...labels].map(([name, of]) => `${name} (${of.join(', ')})`).join('; ')}`,
      })
    }
    if (!there.includes(label)) {
      return yield* new UsageError({
        message: `the axis ${axis} of suite '${suite.name}' has no value '${label}'`,
        hint: `it has ${there.join(', ')}`,
      })
    }
    const before = wanted.get(axis)
    if (before !== undefined && before !== label) {
      return yield* new UsageError({ message: `the cell '${selector}' has ${axis} twice: ${before} and ${label}` })
    }
    wanted.set(axis, label)
  }
  const labelOf = (cell: GraphCell, axis: string): string => String(axis === 'seed' ? cell.seed : cell.at[axis])
  const meant = suite.cells.filter((cell) => [...wanted].every(([axis, label]) => labelOf(cell, axis) === label))
  const [cell, ...others] = meant
  if (cell !== undefined && others.length === 0) return cell
  return yield* new UsageError(
    cell === undefined
      ? {
          message: `suite '${suite.name}' has no cell ${selector}: it was left out`,
          hint: `its cells are ${listed(suite.cells.map(({ name }) => name))}`,
        }
      : {
          message: `${meant.length} cells of suite '${suite.name}' are called ${selector}`,
          hint: `name one of ${listed(meant.map(({ name }) => name))}`,
        },
  )
})
