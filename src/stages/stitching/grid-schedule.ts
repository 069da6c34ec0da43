/**
 * In which order a set of descendants is computed at once. Descendants that begin alike share that beginning; those that run
 * the same operation on different tokens run it as one batch. Where a descendant comes back to a model, operations of two
 * models alternate, so the order follows from the paths and from nothing else.
 */
import { type Grid, runsFinalNorm, type Segment } from './grid.js'

/** What is done to tokens on their way. `clsBlock` is a last block of which only the head reads. */
export type Operation =
  | { readonly kind: 'embed'; readonly model: number }
  | { readonly kind: 'block' | 'clsBlock'; readonly model: number; readonly index: number }
  | { readonly kind: 'stitch'; readonly name: string }
  | { readonly kind: 'head'; readonly model: number; readonly norm: boolean }

/** One operation of one history; paths with the same history share it. */
interface Step {
  readonly operation: Operation
  readonly parent: Step | null
  readonly children: Map<string, Step>
}

/** Where the result of a step lies: row `row` of what round `round` computes. */
export interface StreamPlace {
  readonly round: number
  readonly row: number
}

/** One operation on a batch of streams of tokens; `sources` says where each comes from, and is empty for pixels. */
export interface ScheduleRound {
  readonly operation: Operation
  readonly sources: readonly StreamPlace[]
}

export interface Schedule {
  readonly rounds: readonly ScheduleRound[]
  /** Where the logits of each path lie. */
  readonly logits: readonly StreamPlace[]
}

type Path = readonly Segment[]

const keyOf = (operation: Operation): string => Object.values(operation).join(' ')

const operationsOf = (path: Path, grid: Pick<Grid, 'finalNorm'>): readonly Operation[] => [
  { kind: 'embed', model: path[0].model },
  ...path.flatMap(({ model, first, last, stitch }): Operation[] => [
    ...(stitch === null ? [] : [{ kind: 'stitch', name: stitch } as const]),
    ...Array.from({ length: last - first + 1 }, (_, i) => ({ kind: 'block', model, index: first + i }) as const),
  ]),
  { kind: 'head', model: path[path.length - 1].model, norm: runsFinalNorm(path, grid) },
]

/** Adds a path to the steps of others; returns its head. */
const addPath = (roots: Map<string, Step>, operations: readonly Operation[]): Step => {
  let parent: Step | null = null
  let siblings = roots
  for (const operation of operations) {
    const key = keyOf(operation)
    const step: Step = siblings.get(key) ?? { operation, parent, children: new Map() }
    siblings.set(key, step)
    parent = step
    siblings = step.children
  }
  return parent!
}

/** The operation of a step when all that follows is known: a block that only heads read computes the cls token alone. */
const finalOperation = ({ operation, children }: Step): Operation => {
  const forHeads = [...children.values()].every((child) => child.operation.kind === 'head')
  return operation.kind === 'block' && forHeads ? { ...operation, kind: 'clsBlock' } : operation
}

/** Puts what shares an operation into one round wherever no path runs two operations in the other order than another path. */
export const gridSchedule = (paths: readonly Path[], grid: Pick<Grid, 'finalNorm'>): Schedule => {
  const roots = new Map<string, Step>()
  const heads = paths.map((path) => addPath(roots, operationsOf(path, grid)))
  const operations = new Map<string, { readonly operation: Operation; waiting: number; ready: Step[] }>()
  const entryOf = (step: Step) => {
    const operation = finalOperation(step)
    const entry = operations.get(keyOf(operation)) ?? { operation, waiting: 0, ready: [] }
    operations.set(keyOf(operation), entry)
    return entry
  }
  const expect = (step: Step): void => {
    entryOf(step).waiting++
    step.children.forEach(expect)
  }
  roots.forEach(expect)
  roots.forEach((step) => entryOf(step).ready.push(step))

  const rounds: ScheduleRound[] = []
  const places = new Map<Step, StreamPlace>()
  for (;;) {
    const open = [...operations.values()].filter(({ ready }) => ready.length > 0)
    if (open.length === 0) break
    const chosen =
      open.find(({ ready, waiting }) => ready.length === waiting) ??
      open.reduce((most, entry) => (entry.ready.length > most.ready.length ? entry : most))
    // Neighbours stay neighbours, so that they are taken in one piece.
    const placeOf = ({ parent }: Step): StreamPlace => (parent === null ? { round: -1, row: 0 } : places.get(parent)!)
    const steps = chosen.ready
      .map((step) => ({ step, source: placeOf(step) }))
      .sort(({ source: a }, { source: b }) => a.round - b.round || a.row - b.row)
    steps.forEach(({ step }, row) => places.set(step, { round: rounds.length, row }))
    rounds.push({
      operation: chosen.operation,
      sources: steps[0].step.parent === null ? [] : steps.map(({ source }) => source),
    })
    chosen.waiting -= steps.length
    chosen.ready = []
    for (const { step } of steps) step.children.forEach((child) => entryOf(child).ready.push(child))
  }
  return { rounds, logits: heads.map((head) => places.get(head)!) }
}

/**
 * Paths in runs of neighbours, each so long that no operation has more than `limit` values: of `sizeOf` it for one stream. A
 * path that is too large alone is a run alone.
 */
export const chunkPaths = (
  paths: readonly Path[],
  grid: Pick<Grid, 'finalNorm'>,
  sizeOf: (operation: Operation) => number,
  limit: number,
): readonly (readonly number[])[] => {
  const chunks: number[][] = []
  let roots = new Map<string, Step>()
  let streams = new Map<string, number>()
  /** Operations that this path adds to what the others of its run have. */
  const added = (operations: readonly Operation[]): readonly Operation[] => {
    let siblings: ReadonlyMap<string, Step> | undefined = roots
    const shared = operations.findIndex((operation) => {
      siblings = siblings?.get(keyOf(operation))?.children
      return siblings === undefined
    })
    return shared < 0 ? [] : operations.slice(shared)
  }
  paths.forEach((path, index) => {
    const operations = operationsOf(path, grid)
    const fits = added(operations).every(
      (operation) => ((streams.get(keyOf(operation)) ?? 0) + 1) * sizeOf(operation) <= limit,
    )
    if (!fits || chunks.length === 0) {
      ;[roots, streams] = [new Map(), new Map()]
      chunks.push([])
    }
    for (const operation of added(operations)) {
      const key = keyOf(operation)
      streams.set(key, (streams.get(key) ?? 0) + 1)
    }
    addPath(roots, operations)
    chunks.at(-1)!.push(index)
  })
  return chunks
}
