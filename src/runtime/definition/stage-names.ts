/**
 * What the distinct stages of a suite are called. A name says what its stage depends on: `teacher[seed=1]` where
 * teachers differ by their seed alone, `data` where there is one for all cells.
 */
import type { AxisLabel, CellNode } from '../../dsl/nodes.js'

/** A cell: the place of its label in the order of each axis. Axes are told by their index. */
type Places = readonly number[]

/** A stage by its cells. */
interface Placed {
  readonly places: readonly Places[]
}

/** What the cell has on these axes. */
const keyOf = (places: Places, axes: readonly number[]): string => axes.map((axis) => places[axis]).join()

/** How many stages more than one a key has, over all keys; 0 where the axes tell the stages apart. */
const confusions = (stages: readonly Placed[], axes: readonly number[]): number => {
  let [owned, keys] = [0, 0]
  // By key, the last stage that has it: a stage's cells come one after the other.
  const lastOwner = new Map<string, Placed>()
  for (const stage of stages) {
    for (const places of stage.places) {
      const key = keyOf(places, axes)
      const owner = lastOwner.get(key)
      if (owner === stage) continue
      if (owner === undefined) keys += 1
      owned += 1
      lastOwner.set(key, stage)
    }
  }
  return owned - keys
}

/**
 * The axes on which stages of one name differ: those that make a difference where everything else is equal, and, where
 * cells were left out, as many more as it takes.
 */
const tellingAxes = (stages: readonly Placed[], axes: readonly number[]): readonly number[] => {
  const without = (axis: number): readonly number[] => axes.filter((other) => other !== axis)
  const least = confusions(stages, axes)
  const telling = axes.filter((axis) => confusions(stages, without(axis)) > least)
  for (let left = confusions(stages, telling); left > least;) {
    const [best] = axes
      .filter((axis) => !telling.includes(axis))
      .map((axis) => ({ axis, left: confusions(stages, [...telling, axis]) }))
      .sort((a, b) => a.left - b.left)
    telling.push(best!.axis)
    left = best!.left
  }
  return axes.filter((axis) => telling.includes(axis))
}

/** A stage that some cells share. */
export interface SharedStage {
  /** Its cells, and what each calls it. */
  readonly cells: ReadonlyMap<CellNode, string>
}

type Axes = Readonly<Record<string, readonly AxisLabel[]>>

interface Named<Stage> extends Placed {
  readonly stage: Stage
  /** What it is called within its cells: the first by the alphabet, so that the cells' order does not matter. */
  readonly plain: string
  /** Its first cell in the order of the axes, and what that calls it: no other stage has both. */
  readonly first: Places
  readonly calledFirst: string
}

const byPlaces = (a: Places, b: Places): number =>
  a.map((place, axis) => place - b[axis]!).find((difference) => difference !== 0) ?? 0

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** How many cells there are of each key. */
class Counts {
  readonly places = new Map<string, Places>()
  readonly #number = new Map<string, number>()

  constructor(all: readonly Places[], axes: readonly number[]) {
    for (const places of all) {
      const key = keyOf(places, axes)
      this.places.set(key, places)
      this.#number.set(key, this.of(key) + 1)
    }
  }

  of(key: string): number {
    return this.#number.get(key) ?? 0
  }
}

/** Every combination of one place of each list, as keys. */
const combinations = (lists: readonly (readonly number[])[]): readonly string[] =>
  lists.reduce<readonly string[]>(
    (keys, places, index) =>
      keys.flatMap((key) => places.map((place) => (index === 0 ? `${place}` : `${key},${place}`))),
    [''],
  )

/** The places on an axis that the cells have, in order. */
const placesOn = (axis: number, cells: readonly Places[]): readonly number[] =>
  [...new Set(cells.map((places) => places[axis]!))].sort((a, b) => a - b)

/**
 * Whether a stage's labels, in every combination, name none but its own cells. `own` are its labels on the telling
 * axes, `all` counts the cells of every stage of its name.
 */
const isExact = (
  stage: Placed,
  telling: readonly number[],
  own: readonly (readonly number[])[],
  all: Counts,
): boolean => {
  const mine = new Counts(stage.places, telling)
  const size = own.reduce((product, { length }) => product * length, 1)
  if (mine.places.size === size) return true
  const labels = own.map((places) => new Set(places))
  const isWithin = (places: Places): boolean => telling.every((axis, index) => labels[index]!.has(places[axis]!))
  // Whichever are fewer: the combinations of its labels, or all keys.
  const within =
    size < all.places.size
      ? combinations(own)
      : [...all.places].filter(([, places]) => isWithin(places)).map(([key]) => key)
  return within.every((key) => all.of(key) === mine.of(key))
}

/** The stages of one plain name with their own names, which may still be alike. */
const namesAlike = <Stage>(
  stages: readonly Named<Stage>[],
  axes: readonly (readonly [name: string, labels: readonly AxisLabel[]])[],
): readonly (readonly [string, Named<Stage>])[] => {
  const every = axes.map((_, axis) => axis)
  const telling = stages.length === 1 ? [] : tellingAxes(stages, every)
  const cells = [...new Set(stages.flatMap(({ places }) => places))]
  const all = new Counts(cells, telling)
  const numberOn = telling.map((axis) => placesOn(axis, cells).length)
  const part = (axis: number, places: readonly number[]): string =>
    `${axes[axis]![0]}=${places.map((place) => String(axes[axis]![1][place])).join('|')}`
  const partsOf = (stage: Named<Stage>): readonly string[] => {
    const own = telling.map((axis) => placesOn(axis, stage.places))
    return isExact(stage, telling, own, all)
      ? telling.flatMap((axis, index) => (own[index]!.length === numberOn[index] ? [] : [part(axis, own[index]!)]))
      : // Its labels would name another's cells too: one cell of its own says which stage it is.
        telling.map((axis) => part(axis, [stage.first[axis]!]))
  }
  return stages.map((stage) => {
    const parts = partsOf(stage)
    return [parts.length === 0 ? stage.plain : `${stage.plain}[${parts.join()}]`, stage]
  })
}

const groupsOf = <Key, Value>(pairs: Iterable<readonly [Key, Value]>): ReadonlyMap<Key, Value[]> => {
  const groups = new Map<Key, Value[]>()
  for (const [key, value] of pairs) {
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [value])
    else group.push(value)
  }
  return groups
}

/** Looks a cell's places up once, however many stages it has. */
const placesReader = (axes: readonly (readonly [string, readonly AxisLabel[]])[]): ((cell: CellNode) => Places) => {
  const orders = axes.map(([axis, labels]) => ({ axis, order: new Map(labels.map((label, place) => [label, place])) }))
  const known = new Map<CellNode, Places>()
  return (cell) => {
    const places =
      known.get(cell) ?? orders.map(({ axis, order }) => order.get(axis === 'seed' ? cell.seed : cell.at[axis]!) ?? -1)
    known.set(cell, places)
    return places
  }
}

/**
 * A name for each stage, no two alike, whatever the order of the cells: `stitch[init=learned,seed=2]`, or, where
 * several labels give one stage, `distill/tiny[init=learned|random]`. `axes` are the suite's, with the seeds as the
 * axis `seed`.
 */
export const nameStages = <Stage extends SharedStage>(
  stages: readonly Stage[],
  axes: Axes,
): ReadonlyMap<Stage, string> => {
  const ordered = Object.entries(axes)
  const placesOf = placesReader(ordered)
  const named = stages.map((stage): Named<Stage> => {
    const cells = [...stage.cells].map(([cell, called]) => ({ places: placesOf(cell), called }))
    const first = cells.reduce((a, b) => (byPlaces(b.places, a.places) < 0 ? b : a))
    return {
      stage,
      plain: cells.reduce((a, { called }) => (byText(called, a) < 0 ? called : a), first.called),
      places: cells.map(({ places }) => places),
      first: first.places,
      calledFirst: first.called,
    }
  })
  const alike = groupsOf(named.map((stage) => [stage.plain, stage]))
  const byName = groupsOf([...alike.values()].flatMap((group) => namesAlike(group, ordered)))
  return new Map(
    [...byName].flatMap(([name, owners]) =>
      // Only where a cell has one stage under two names can two stages still be called alike.
      owners
        .sort((a, b) => byPlaces(a.first, b.first) || byText(a.calledFirst, b.calledFirst))
        .map(({ stage }, index) => [stage, index === 0 ? name : `${name}#${index + 1}`] as const),
    ),
  )
}
