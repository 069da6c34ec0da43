/** A matrix of pipelines: one for every combination of the axes' values, once a seed. */
import { deepFreeze } from './deep-freeze.js'
import { DefinitionError } from './definition-error.js'
import { checkName } from './names.js'
import type { CellNode, PipelineNode, Place, SuiteNode } from './nodes.js'
import { shown } from './option-reader.js'
import { toPipelineNode, type PipelineBuilder } from './pipeline-node.js'
import { placeOfCall } from './place.js'
import { readAxes, type Axes, type Axis, type CheckAxes, type ValueOn } from './suite-axes.js'
import { readCells, type Coordinates, type SuiteOptions } from './suite-options.js'

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
 * Pipelines that differ along axes: `suite('starts', { init: ['learned', 'random'] }, ({ init, seed }) => pipeline(…))`.
 * `build` is called once for every cell with a value of each axis and a seed; stages that cells have in common run once. A
 * cell is called by its labels, `init=learned,seed=0`. Throws a DefinitionError, as every step of a pipeline does, for
 * what cannot be run; one that `build` throws names its cell.
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
