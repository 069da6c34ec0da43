/** The stages that a name on the command line means. */
import * as Effect from 'effect/Effect'
import type { StageNode } from '../dsl/nodes.js'
import { UsageError } from './errors.js'
import { reachable, type GraphCell, type StageGraph } from './stage-graph.js'

/** More names than this are not listed in a hint. */
const mostListed = 12

const listed = (names: readonly string[]): string =>
  names.length <= mostListed
    ? names.join(', ')
    : `${names.slice(0, mostListed).join(', ')} and ${names.length - mostListed} more`

/** `stitch[seed=1,init=learned]` → `stitch` and its parts; undefined where the brackets are not closed. */
const parse = (written: string): { readonly name: string; readonly parts: readonly string[] } | undefined => {
  const open = written.indexOf('[')
  if (open < 0) return { name: written, parts: [] }
  if (!written.endsWith(']')) return undefined
  const inside = written.slice(open + 1, -1)
  return { name: written.slice(0, open), parts: inside === '' ? [] : inside.split(',').map((part) => part.trim()) }
}

const isAt = (cell: GraphCell, part: string): boolean => {
  const [axis, ...rest] = part.split('=')
  const label = axis === 'seed' ? cell.seed : cell.at[axis!]
  return label !== undefined && rest.join('=').split('|').includes(String(label))
}

/**
 * By its own name, else by what cells call it, in the cells that the brackets name: `teacher` is every teacher of a suite,
 * `stitch[seed=1]` every stitch of that seed. At least one; fails with a UsageError where there is none.
 */
export const stagesCalled = (graph: StageGraph, written: string): Effect.Effect<readonly StageNode[], UsageError> => {
  const all = reachable(graph.roots)
  const own = all.filter((node) => node.name === written)
  if (own.length > 0) return Effect.succeed(own)
  const parsed = graph.kind === 'suite' ? parse(written) : undefined
  const found = new Set(
    parsed === undefined
      ? []
      : graph.cells
          .filter((cell) => parsed.parts.every((part) => isAt(cell, part)))
          .flatMap((cell) => cell.stages.get(parsed.name) ?? []),
  )
  if (found.size > 0) return Effect.succeed([...found])
  return Effect.fail(
    new UsageError({
      message: `there is no stage '${written}' in ${graph.kind} '${graph.name}'`,
      hint: `its stages are ${listed(all.map(({ name }) => name))}`,
    }),
  )
}

/** The one stage called so; fails with a UsageError where there are several. */
export const stageCalled = Effect.fnUntraced(function* (
  graph: StageGraph,
  written: string,
): Effect.fn.Return<StageNode, UsageError> {
  const [node, ...others] = yield* stagesCalled(graph, written)
  if (node !== undefined && others.length === 0) return node
  return yield* new UsageError({
    message: `${others.length + 1} stages of suite '${graph.name}' are called '${written}'`,
    hint: `name one of ${listed([node!, ...others].map(({ name }) => name))}`,
  })
})
