/** The stages that a name on the command line means. */
import * as Effect from 'effect/Effect'
import type { AxisLabel, StageNode } from '../../dsl/nodes.js'
import { UsageError } from '../errors.js'
import { reachable, type StageGraph } from './stage-graph.js'

/** What a stage's name says of the cells that it is in: `stitch[init=learned|random,seed=1]`. */
interface StageName {
  /** What cells call it. */
  readonly name: string
  /** `init=learned|random` */
  readonly parts: readonly string[]
}

/** `stitch[seed=1,init=learned]` → `stitch` and its parts; undefined where the brackets are not closed. */
export const parseStageName = (written: string): StageName | undefined => {
  const open = written.indexOf('[')
  if (open < 0) return { name: written, parts: [] }
  if (!written.endsWith(']')) return undefined
  const inside = written.slice(open + 1, -1)
  return { name: written.slice(0, open), parts: inside === '' ? [] : inside.split(',').map((part) => part.trim()) }
}

/** Whether all parts hold in the cell with these labels, its seed among them. */
export const isInCell = ({ parts }: StageName, labels: Readonly<Record<string, AxisLabel>>): boolean =>
  parts.every((part) => {
    const [axis, ...rest] = part.split('=')
    const label = labels[axis!]
    return label !== undefined && rest.join('=').split('|').includes(String(label))
  })

/** More names than this are not listed in a hint. */
const mostListed = 12

const listed = (names: readonly string[]): string =>
  names.length <= mostListed
    ? names.join(', ')
    : `${names.slice(0, mostListed).join(', ')} and ${names.length - mostListed} more`

/**
 * By its own name, else by what cells call it, in the cells that the brackets name: `teacher` is every teacher of a
 * suite, `stitch[seed=1]` every stitch of that seed. At least one; fails with a UsageError where there is none.
 */
export const stagesCalled = (graph: StageGraph, written: string): Effect.Effect<readonly StageNode[], UsageError> => {
  const all = reachable(graph.roots)
  const own = all.filter((node) => node.name === written)
  if (own.length > 0) return Effect.succeed(own)
  const parsed = graph.kind === 'suite' ? parseStageName(written) : undefined
  const found = new Set(
    parsed === undefined
      ? []
      : graph.cells
          .filter(({ at, seed }) => isInCell(parsed, { ...at, seed }))
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
