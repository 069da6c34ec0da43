/** The axes of a suite: what they may be, what the compiler says of those that may not, and what is read of them. */
import { DefinitionError } from './definition-error.js'
import type { DefinitionMisuse } from './misuse.js'
import type { AxisLabel, Place } from './nodes.js'
import { shown } from './option-reader.js'

/** Values that name themselves, or any values by the name that cells show: `{ small: { embedDim: 24 }, … }`. */
export type AxisValues = readonly AxisLabel[] | { readonly [label: string]: unknown }

export type Axes = { readonly [axis: string]: AxisValues }

/** What `build` gets of an axis. */
export type ValueOn<Values> = Values extends readonly (infer Value)[] ? Value : Values[keyof Values]

/** What a value is called in a cell's name, and by `exclude` and `include`. */
export type LabelOn<Values> = Values extends readonly (infer Label)[] ? Label : keyof Values & string

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
export type CheckAxes<A extends Axes> = [keyof A] extends [never]
  ? DefinitionMisuse<"a suite needs at least one axis: write { init: ['learned', 'random'] }">
  : { readonly [Axis in keyof A]: CheckAxis<Axis, A[Axis]> }

export interface Axis {
  readonly name: string
  readonly labels: readonly AxisLabel[]
  /** What `build` gets, in the order of the labels. */
  readonly values: readonly unknown[]
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/

/** What cells' names and selectors of cells are written with. */
const MARKS = /[,|#[\]\p{Cc}]/u

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

const readLabels = (path: string, values: readonly unknown[], place: Place | undefined): readonly AxisLabel[] => {
  const seen = new Set<string>()
  // By index: a hole in a list is a missing value, not one to pass over.
  return Array.from(values, (value) => {
    const isNumber = typeof value === 'number' && Number.isFinite(value)
    if (!isNumber && typeof value !== 'string' && typeof value !== 'boolean') {
      const message = `${path} has ${shown(value)}: write strings, finite numbers or booleans, or a record { label: value }`
      throw new DefinitionError('wrongType', message, place)
    }
    const text = String(value)
    if (text.trim() !== text || text === '' || MARKS.test(text)) {
      const message = `${path} has ${shown(value)}, which cannot name a cell: write a text without commas, brackets, "|" and "#", or a record { label: value }`
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
  if (!isObject(values)) {
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
export const readAxes = (axes: unknown, place: Place | undefined): readonly Axis[] => {
  if (!isObject(axes) || Array.isArray(axes)) {
    const message = `suite.axes is ${shown(axes)}: write a record { axis: [values] }`
    throw new DefinitionError('wrongType', message, place)
  }
  const read = Object.entries(axes).map(([name, values]) => readAxis(name, values, place))
  if (read.length > 0) return read
  throw new DefinitionError('empty', "suite.axes is empty: write one or more, { init: ['learned', 'random'] }", place)
}
