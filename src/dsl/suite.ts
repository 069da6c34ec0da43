/** A matrix of pipelines: one for every combination of the axes' values, once a seed. */
import { isObject } from '../base/objects.js'
import { DefinitionError } from './definition-error.js'
import type { DefinitionMisuse } from './misuse.js'
import { checkName, closest } from './names.js'
import { deepFreeze, type AxisLabel, type CellNode, type PipelineNode, type SuiteNode } from './nodes.js'
import { COUNT, COUNT_OR_ZERO, OptionReader, shown } from './option-reader.js'
import { SUITE_OPTIONS } from './option-tables.js'
import { namesOf, type Options } from './options.js'
import { isPipelineNode, toPipelineNode, type PipelineBuilder } from './pipeline-step.js'
import { placeOfCall, type Place } from './place.js'

/** Values that name themselves, or any values by the name that cells show: `{ small: { embedDim: 24 }, … }`. */
export type AxisValues = readonly AxisLabel[] | { readonly [label: string]: unknown }

export type Axes = { readonly [axis: string]: AxisValues }

/** What `build` gets of an axis. */
type ValueOn<Values> = Values extends readonly (infer Value)[] ? Value : Values[keyof Values]

/** What a value is called in a cell's name, and by `exclude` and `include`. */
type LabelOn<Values> = Values extends readonly (infer Label)[] ? Label : keyof Values & string

type CheckAxis<Axis, Values> = Axis extends 'seed'
  ? DefinitionMisuse<'an axis cannot be called seed: write seeds in the options'>
  : Values extends readonly unknown[]
    ? Values['length'] extends 0
      ? DefinitionMisuse<'an axis needs at least one value'>
      : unknown
    : [keyof Values] extends [never]
      ? DefinitionMisuse<'an axis needs at least one value'>
      : unknown

/** `unknown` where these can be the axes of a suite. */
type CheckAxes<A extends Axes> = [keyof A] extends [never]
  ? DefinitionMisuse<"a suite needs at least one axis: write { init: ['learned', 'random'] }">
  : { readonly [Axis in keyof A]: CheckAxis<Axis, A[Axis]> }

interface Axis {
  readonly name: string
  readonly labels: readonly AxisLabel[]
  /** What `build` gets, in the order of the labels. */
  readonly values: readonly unknown[]
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/

/** What cells' names and selectors of cells are written with. */
const MARKS = /[,|#[\]\p{Cc}]/u

const readLabels = (path: string, values: readonly unknown[], place: Place | undefined): readonly AxisLabel[] => {
  const seen = new Set<string>()
  // By index: a hole in a list is a missing value, not one to pass over.
  return Array.from(values, (value) => {
    const isNumber = typeof value === 'number' && Number.isFinite(value)
    if (!isNumber && typeof value !== 'string' && typeof value !== 'boolean') {
      const advice = 'write strings, finite numbers or booleans, or a record { label: value }'
      const message = `${path} has ${shown(value)}: ${advice}`
      throw new DefinitionError('wrongType', message, place)
    }
    const text = String(value)
    if (text.trim() !== text || text === '' || MARKS.test(text)) {
      const advice = 'write a text without commas, brackets, "|" and "#", or a record { label: value }'
      const message = `${path} has ${shown(value)}, which cannot name a cell: ${advice}`
      throw new DefinitionError('badName', message, place)
    }
    if (seen.has(text)) throw new DefinitionError('duplicateName', `${path} has ${shown(value)} twice`, place)
    seen.add(text)
    // −0 and 0 are one value.
    return typeof value === 'number' ? value + 0 : value
  })
}

const readAxis = (name: string, values: unknown, place: Place | undefined): Axis => {
  const path = `suite.axes.${name}`
  if (name === 'seed') {
    const message = "suite.axes.seed is no axis: write seeds in the options, suite('name', { … }, build, { seeds: 3 })"
    throw new DefinitionError('badName', message, place)
  }
  if (!IDENTIFIER.test(name)) {
    const message = `suite.axes has the name ${shown(name)}: write a letter or "_", then letters, digits or "_"`
    throw new DefinitionError('badName', message, place)
  }
  if (!Array.isArray(values) && !isObject(values)) {
    const message = `${path} is ${shown(values)}: write a list of values or a record { label: value }`
    throw new DefinitionError('wrongType', message, place)
  }
  const all = Array.isArray(values) ? values : Object.values(values)
  const labels = readLabels(path, Array.isArray(values) ? values : Object.keys(values), place)
  if (labels.length === 0) {
    throw new DefinitionError('empty', `${path} has no values: write one or more, ['learned', 'random']`, place)
  }
  return { name, labels, values: all }
}

/** Throws a DefinitionError for what cannot be an axis. */
const readAxes = (axes: unknown, place: Place | undefined): readonly Axis[] => {
  if (!isObject(axes)) {
    const message = `suite.axes is ${shown(axes)}: write a record { axis: [values] }`
    throw new DefinitionError('wrongType', message, place)
  }
  const read = Object.entries(axes).map(([name, values]) => readAxis(name, values, place))
  if (read.length > 0) return read
  throw new DefinitionError('empty', "suite.axes is empty: write one or more, { init: ['learned', 'random'] }", place)
}

type Labels<A extends Axes> = { readonly [Name in keyof A]: LabelOn<A[Name]> }

/** A cell by its labels and its seed. */
export type CellLabels<A extends Axes> = Labels<A> & { readonly seed: number }

/** Which cells a suite has. */
export interface SuiteOptions<A extends Axes = Axes> extends Options<
  typeof SUITE_OPTIONS,
  {
    readonly exclude: ((cell: CellLabels<A>) => boolean) | readonly Partial<CellLabels<A>>[]
    readonly include: readonly (Labels<A> & { readonly seed?: number })[]
  }
> {}

/** A cell before it is built. */
interface Coordinates {
  readonly at: Readonly<Record<string, AxisLabel>>
  readonly seed: number
}

/** A suite of more cells is a slip of the pen. */
const mostCells = 100_000

const fewer = `write fewer, a suite has at most ${mostCells} cells`

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

/**
 * The cells of these axes that the options leave, and their seeds. Throws a DefinitionError for options that are none.
 */
const readCells = (
  axes: readonly Axis[],
  options: unknown,
  place: Place | undefined,
): { readonly seeds: readonly number[]; readonly cells: readonly Coordinates[] } => {
  const reader = new OptionReader([{ path: 'suite', options, known: namesOf(SUITE_OPTIONS) }], place)
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

/** One value of each axis, and the seed. */
export type CellValues<A extends Axes> = { readonly [Name in keyof A]: ValueOn<A[Name]> } & { readonly seed: number }

const nameOf = ({ at, seed }: Coordinates): string =>
  [...Object.entries(at), ['seed', seed] as const].map(([axis, label]) => `${axis}=${String(label)}`).join(',')

const isDefinitionError = (error: unknown): error is DefinitionError =>
  // By name: the builders may come from another copy of this package.
  error instanceof Error && error.name === 'DefinitionError'

/** What went wrong in a cell, with the cell named; the place is the one within `build` where there is one. */
const inCell = (cell: string, error: unknown, place: Place | undefined): DefinitionError => {
  const message = error instanceof Error ? error.message : String(error)
  const failure = isDefinitionError(error)
    ? new DefinitionError(error.problem, `cell ${cell}: ${message}`, error.place ?? place)
    : new DefinitionError('mismatch', `cell ${cell}: build throws: ${message}`, place)
  failure.cause = error
  return failure
}

const buildCell = (
  build: (values: never) => unknown,
  axes: readonly Axis[],
  coordinates: Coordinates,
  place: Place | undefined,
): CellNode => {
  const name = nameOf(coordinates)
  const values = axes.map((axis) => [axis.name, axis.values[axis.labels.indexOf(coordinates.at[axis.name]!)]])
  let built: unknown
  let pipeline: PipelineNode | undefined
  try {
    built = build({ ...Object.fromEntries(values), seed: coordinates.seed } as never)
    pipeline = toPipelineNode(built)
  } catch (error) {
    throw inCell(name, error, place)
  }
  if (pipeline !== undefined) return { name, ...coordinates, pipeline }
  const found = built instanceof Promise ? 'a promise: it must not be async' : `${shown(built)}, which is no pipeline`
  const message = `cell ${name}: build returns ${found}; write ({ … }) => pipeline('name').data(…)…`
  throw new DefinitionError('wrongType', message, place)
}

/**
 * Pipelines that differ along axes: `suite('starts', { init: ['learned', 'random'] }, ({ init, seed }) =>
 * pipeline(…))`. `build` is called once for every cell with a value of each axis and a seed; stages that cells have in
 * common run once. A cell is called by its labels, `init=learned,seed=0`. Throws a DefinitionError, as every step of a
 * pipeline does, for what cannot be run; one that `build` throws names its cell.
 */
export const suite = <const A extends Axes>(
  name: string,
  axes: A & CheckAxes<A>,
  build: (cell: CellValues<A>) => PipelineBuilder | PipelineNode,
  options: SuiteOptions<NoInfer<A>> = {},
): SuiteNode => {
  const place = placeOfCall()
  checkName('suite: its name', name, place)
  if (typeof build !== 'function') {
    const message = `suite.build is ${shown(build)}: write ({ … }) => pipeline('name').data(…)…`
    throw new DefinitionError('wrongType', message, place)
  }
  const read = readAxes(axes, place)
  const { seeds, cells: coordinates } = readCells(read, options, place)
  const names = new Set<string>()
  for (const each of coordinates) {
    const cell = nameOf(each)
    if (names.has(cell)) {
      throw new DefinitionError('duplicateName', `suite.include: the cell ${cell} is there already`, place)
    }
    names.add(cell)
  }
  const cells = coordinates.map((each) => buildCell(build, read, each, place))
  const labels = Object.fromEntries(read.map((axis) => [axis.name, axis.labels]))
  return deepFreeze({ kind: 'suite', name, axes: labels, seeds, cells, ...(place && { place }) })
}

const isCell = (value: unknown): boolean =>
  isObject(value) && typeof value['name'] === 'string' && isObject(value['at']) && isPipelineNode(value['pipeline'])

/**
 * Whether `value` is a suite, as `suite(…)` makes it. Goes by shape, so that one made by another copy of this package
 * counts.
 */
export const isSuite = (value: unknown): value is SuiteNode =>
  isObject(value) &&
  value['kind'] === 'suite' &&
  typeof value['name'] === 'string' &&
  isObject(value['axes']) &&
  Array.isArray(value['seeds']) &&
  Array.isArray(value['cells']) &&
  value['cells'].length > 0 &&
  value['cells'].every(isCell)
