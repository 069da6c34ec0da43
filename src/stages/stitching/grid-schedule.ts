/**
 * In which order many descendants are computed at once. Descendants that begin alike share their beginning; those that
 * run the same operation on different tokens run it as one batch. A descendant may come back to a model, so no order of
 * the models would do: the order follows from the paths alone.
 */
import { type Grid, type DescendantPath, runsFinalNorm } from './grid.js'

/** An operation on tokens. `lastBlock` is one that only the head reads, so it computes that one's tokens alone. */
export type StreamOperation =
  | { readonly kind: 'embed'; readonly model: number }
  | { readonly kind: 'block' | 'lastBlock'; readonly model: number; readonly index: number }
  | { readonly kind: 'stitch'; readonly name: string }
  | { readonly kind: 'head'; readonly model: number; readonly norm: boolean }

/** An operation after a certain history of others; paths with the same history share it. */
interface Step {
  readonly operation: StreamOperation
  readonly parent: Step | null
  readonly children: Map<string, Step>
}

/** Where a stream of tokens lies: it is number `row` of those that round `round` computes. */
export interface StreamPlace {
  readonly round: number
  readonly row: number
}

/** One operation on a batch of streams; `sources` says where each stream lies, and is empty where pixels are read. */
interface ScheduleRound {
  readonly operation: StreamOperation
  readonly sources: readonly StreamPlace[]
}

interface Schedule {
  readonly rounds: readonly ScheduleRound[]
  /** Where each path's logits lie. */
  readonly logits: readonly StreamPlace[]
}

const keyOf = (operation: StreamOperation): string => Object.values(operation).join(' ')

/** What a path runs, in order. */
export const operationsOf = (path: DescendantPath, grid: Pick<Grid, 'finalNorm'>): readonly StreamOperation[] => [
  { kind: 'embed', model: path[0].model },
  ...path.flatMap(({ model, first, last, stitch }): StreamOperation[] => [
    ...(stitch === null ? [] : [{ kind: 'stitch', name: stitch } as const]),
    ...Array.from({ length: last - first + 1 }, (_, i) => ({ kind: 'block', model, index: first + i }) as const),
  ]),
  { kind: 'head', model: path[path.length - 1].model, norm: runsFinalNorm(path, grid) },
]

/** Adds a path's operations to those of others and returns its head. */
const addPath = (roots: Map<string, Step>, operations: readonly StreamOperation[]): Step => {
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

/**
 * The operation of a step once all that follows it is known: a block that only heads read computes their tokens alone.
 */
const finalOperation = ({ operation, children }: Step): StreamOperation => {
  const forHeads = [...children.values()].every((child) => child.operation.kind === 'head')
  return operation.kind === 'block' && forHeads ? { ...operation, kind: 'lastBlock' } : operation
}

/**
 * The rounds that compute these paths. All steps with the same operation are one round, unless two paths run two
 * operations in opposite orders: then the operation with the most steps ready goes first.
 */
export const gridSchedule = (paths: readonly DescendantPath[], grid: Pick<Grid, 'finalNorm'>): Schedule => {
  const roots = new Map<string, Step>()
  const heads = paths.map((path) => addPath(roots, operationsOf(path, grid)))
  const operations = new Map<string, { readonly operation: StreamOperation; waiting: number; ready: Step[] }>()
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
    // In the order of their sources, so that neighbours are read in one piece.
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
 * Cuts paths into runs of neighbours, as long as no operation has more than `limit` values on all streams of a run;
 * `sizeOf` says how many it has on one. A path that is too large by itself is a run by itself.
 */
export const chunkPaths = (
  paths: readonly DescendantPath[],
  grid: Pick<Grid, 'finalNorm'>,
  sizeOf: (operation: StreamOperation) => number,
  limit: number,
): readonly (readonly number[])[] => {
  const chunks: number[][] = []
  let roots = new Map<string, Step>()
  let streams = new Map<string, number>()
  /** The operations of a path that the others of its run do not share. */
  const added = (operations: readonly StreamOperation[]): readonly StreamOperation[] => {
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
