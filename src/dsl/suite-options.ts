/** Which cells of the matrix a suite has. */
import { closest } from './closest.js'
import { DefinitionError } from './definition-error.js'
import type { AxisLabel, Place } from './nodes.js'
import { COUNT, COUNT_OR_ZERO, OptionReader, shown } from './option-reader.js'
import type { Axes, Axis, LabelOn } from './suite-axes.js'

type Labels<A extends Axes> = { readonly [Name in keyof A]: LabelOn<A[Name]> }

/** A cell by its labels and its seed. */
export type CellLabels<A extends Axes> = Labels<A> & { readonly seed: number }

export interface SuiteOptions<A extends Axes = Axes> {
  /** So many seeds, 0, 1, …, or these; default one, 0. Every cell is there once a seed. */
  readonly seeds?: number | readonly number[]
  /** Cells to leave out: those for which this is true, or those that agree with one of these in all that it names. */
  readonly exclude?: ((cell: CellLabels<A>) => boolean) | readonly Partial<CellLabels<A>>[]
  /** Cells to add once the others have been left out; without a seed, once a seed. */
  readonly include?: readonly (Labels<A> & { readonly seed?: number })[]
}

/** A cell before it is built. */
export interface Coordinates {
  readonly at: Readonly<Record<string, AxisLabel>>
  readonly seed: number
}

/** A suite of more cells is a slip of the pen. */
const mostCells = 100_000
const fewer = `write fewer, a suite has at most ${mostCells} cells`

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const readSeeds = (reader: OptionReader): readonly number[] => {
  const seeds = reader.value('seeds') ?? 1
  if (typeof seeds === 'number') {
    const count = reader.number('seeds', COUNT, 1)
    if (count > mostCells) return reader.fail('outOfRange', 'seeds', `is ${count}: ${fewer}`)
    return Array.from({ length: count }, (_, seed) => seed)
  }
  const words = 'a number of seeds, or a list of whole numbers'
  if (!Array.isArray(seeds)) return reader.fail('wrongType', 'seeds', `is ${shown(seeds)}: write ${words}`)
  if (seeds.length === 0) return reader.fail('empty', 'seeds', `is empty: write ${words}`)
  const seen = new Set<number>()
  return seeds.map((seed: unknown) => {
    if (typeof seed !== 'number' || !COUNT_OR_ZERO.test(seed)) {
      return reader.fail('wrongType', 'seeds', `has ${shown(seed)}: write whole numbers, 0 or more`)
    }
    if (seen.has(seed)) return reader.fail('duplicateName', 'seeds', `has ${seed} twice`)
    seen.add(seed)
    return seed + 0
  })
}

/** All combinations, the first axis turning slowest and the seed fastest. */
const product = (axes: readonly Axis[], seeds: readonly number[]): readonly Coordinates[] => {
  const labelled = axes.reduce<readonly Coordinates['at'][]>(
    (cells, { name, labels }) => cells.flatMap((at) => labels.map((label) => ({ ...at, [name]: label }))),
    [{}],
  )
  return labelled.flatMap((at) => seeds.map((seed) => ({ at, seed })))
}

/** Reads cells written by their labels; each names labels that there are. */
class CellReader {
  readonly #known: ReadonlyMap<string, readonly AxisLabel[]>
  readonly #place: Place | undefined

  constructor(axes: readonly Axis[], seeds: readonly number[], place: Place | undefined) {
    this.#known = new Map<string, readonly AxisLabel[]>([
      ...axes.map(({ name, labels }) => [name, labels] as const),
      ['seed', seeds],
    ])
    this.#place = place
  }

  #fail(message: string): never {
    throw new DefinitionError('mismatch', message, this.#place)
  }

  partial(path: string, cell: unknown): Readonly<Record<string, AxisLabel>> {
    if (!isObject(cell)) return this.#fail(`${path} is ${shown(cell)}: write a cell, { init: 'learned' }`)
    const parts = Object.entries(cell).filter(([, label]) => label !== undefined)
    for (const [axis, label] of parts) {
      const labels = this.#known.get(axis)
      if (labels === undefined) {
        const meant = closest(axis, [...this.#known.keys()])
        const advice = meant === undefined ? `write ${[...this.#known.keys()].join(', ')}` : `did you mean ${meant}?`
        return this.#fail(`${path} has ${shown(axis)}, which is no axis: ${advice}`)
      }
      if (!labels.some((known) => known === label)) {
        return this.#fail(`${path} has ${axis} ${shown(label)}, which is not among ${labels.join(', ')}`)
      }
    }
    return Object.fromEntries(parts) as Record<string, AxisLabel>
  }

  full(path: string, cell: unknown): { readonly at: Coordinates['at']; readonly seed: number | undefined } {
    const { seed, ...labels } = this.partial(path, cell)
    const axes = [...this.#known.keys()].filter((axis) => axis !== 'seed')
    const missing = axes.find((axis) => labels[axis] === undefined)
    if (missing !== undefined) return this.#fail(`${path} has no ${missing}: write a label for every axis`)
    return {
      at: Object.fromEntries(axes.map((axis) => [axis, labels[axis]!])),
      seed: seed === undefined ? undefined : Number(seed),
    }
  }
}

/** What a function that excludes gets. */
type CellAsLabels = Readonly<Record<string, AxisLabel>>
type Predicate = (cell: CellAsLabels) => boolean

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  isObject(value) && typeof value['then'] === 'function'

/** By what the function returns, as `if` would take it. */
const byAnswer =
  (reader: OptionReader, exclude: (cell: CellAsLabels) => unknown): Predicate =>
  (cell) => {
    const answer = exclude(cell)
    if (!isThenable(answer)) return Boolean(answer)
    // What it is rejected with is nobody's concern any more.
    answer.then(undefined, () => {})
    return reader.fail(
      'wrongType',
      'exclude',
      'returns a promise, which is neither true nor false: it must not be async',
    )
  }

const readExclude = (reader: OptionReader, cells: CellReader): Predicate => {
  const exclude = reader.value('exclude') ?? []
  if (typeof exclude === 'function') return byAnswer(reader, exclude as (cell: CellAsLabels) => unknown)
  if (!Array.isArray(exclude)) {
    const words = "write a function of a cell, or a list of cells, [{ init: 'random' }]"
    return reader.fail('wrongType', 'exclude', `is ${shown(exclude)}: ${words}`)
  }
  const partial = exclude.map((cell: unknown, index) => cells.partial(`${reader.path('exclude')}[${index}]`, cell))
  return (cell) => partial.some((given) => Object.entries(given).every(([axis, label]) => cell[axis] === label))
}

/** `others` is the number of cells that there are without them. */
const readInclude = (
  reader: OptionReader,
  cells: CellReader,
  seeds: readonly number[],
  others: number,
): readonly Coordinates[] => {
  const include = reader.value('include') ?? []
  if (!Array.isArray(include)) {
    return reader.fail('wrongType', 'include', `is ${shown(include)}: write a list of cells`)
  }
  const added = include.map((cell: unknown, index) => cells.full(`${reader.path('include')}[${index}]`, cell))
  const count = added.reduce((sum, { seed }) => sum + (seed === undefined ? seeds.length : 1), others)
  if (count > mostCells) return reader.fail('outOfRange', 'include', `makes them ${count} cells: ${fewer}`)
  return added.flatMap(({ at, seed }) =>
    seed === undefined ? seeds.map((each) => ({ at, seed: each })) : [{ at, seed }],
  )
}

/** The cells of these axes that the options leave, and their seeds. Throws a DefinitionError for options that are none. */
export const readCells = (
  axes: readonly Axis[],
  options: unknown,
  place: Place | undefined,
): { readonly seeds: readonly number[]; readonly cells: readonly Coordinates[] } => {
  const known = ['seeds', 'exclude', 'include']
  const reader = new OptionReader([{ path: 'suite', options, known }], place)
  const seeds = readSeeds(reader)
  const cells = new CellReader(axes, seeds, place)
  const isExcluded = readExclude(reader, cells)
  const count = axes.reduce((cellsSoFar, { labels }) => cellsSoFar * labels.length, seeds.length)
  if (count > mostCells) {
    const message = `suite: its axes and seeds make ${count} cells before any is left out: ${fewer}`
    throw new DefinitionError('outOfRange', message, place)
  }
  const kept = product(axes, seeds).filter(({ at, seed }) => !isExcluded({ ...at, seed }))
  const all = [...kept, ...readInclude(reader, cells, seeds, kept.length)]
  if (all.length > 0) return { seeds, cells: all }
  return reader.fail('empty', 'exclude', 'leaves no cell: exclude fewer, or include some')
}
