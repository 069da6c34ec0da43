/**
 * What the distinct stages of a suite are called. A name says what its stage depends on: `teacher[seed=1]` where teachers
 * differ by their seed alone, `data` where there is one for all cells.
 */
import type { AxisLabel, CellNode } from '../dsl/nodes.js'

/** A stage that some cells share. */
export interface SharedStage {
  /** What it is called within a cell. */
  readonly name: string
  readonly cells: readonly CellNode[]
}

type Axes = Readonly<Record<string, readonly AxisLabel[]>>

/** A cell's labels by axis, the seed last among them. */
const labelsOf = (cell: CellNode): Readonly<Record<string, AxisLabel>> => ({ ...cell.at, seed: cell.seed })

const keyOf = (cell: CellNode, axes: readonly string[]): string => {
  const labels = labelsOf(cell)
  return JSON.stringify(axes.map((axis) => String(labels[axis])))
}

/** How many stages more than one a key has, over all keys; 0 where the axes tell the stages apart. */
const confusions = (stages: readonly SharedStage[], axes: readonly string[]): number => {
  const byKey = new Map<string, Set<SharedStage>>()
  for (const stage of stages) {
    for (const cell of stage.cells) {
      const key = keyOf(cell, axes)
      byKey.set(key, (byKey.get(key) ?? new Set()).add(stage))
    }
  }
  return [...byKey.values()].reduce((sum, owners) => sum + owners.size - 1, 0)
}

/**
 * The axes on which stages of one name differ: those that make a difference where everything else is equal, and, where
 * cells were left out, as many more as it takes.
 */
const tellingAxes = (stages: readonly SharedStage[], axes: readonly string[]): readonly string[] => {
  const least = confusions(stages, axes)
  const telling = axes.filter(
    (axis) =>
      confusions(
        stages,
        axes.filter((other) => other !== axis),
      ) > least,
  )
  for (let left = confusions(stages, telling); left > least; left = confusions(stages, telling)) {
    const others = axes.filter((axis) => !telling.includes(axis))
    const best = others.reduce((a, b) =>
      confusions(stages, [...telling, b]) < confusions(stages, [...telling, a]) ? b : a,
    )
    telling.push(best)
  }
  return axes.filter((axis) => telling.includes(axis))
}

const written = (name: string, parts: readonly string[]): string =>
  parts.length === 0 ? name : `${name}[${parts.join(',')}]`

/** The labels of an axis that the cells have, in the axis' own order. */
const labelsOn = (axis: string, order: readonly AxisLabel[], cells: readonly CellNode[]): readonly string[] => {
  const there = new Set(cells.map((cell) => String(labelsOf(cell)[axis])))
  return order.map(String).filter((label) => there.has(label))
}

/** The stage's first cell in the order of the axes, whatever the order of the cells. */
const firstCell = (stage: SharedStage, axes: Axes): CellNode => {
  const rank = (cell: CellNode): readonly number[] =>
    Object.entries(axes).map(([axis, order]) => order.indexOf(labelsOf(cell)[axis]!))
  const ranked = stage.cells.map((cell) => ({ cell, rank: rank(cell) }))
  ranked.sort((a, b) => a.rank.map((place, i) => place - b.rank[i]!).find((difference) => difference !== 0) ?? 0)
  return ranked[0]!.cell
}

/** The parts of a name that stand in brackets. `all` are the cells of every stage of this name. */
const partsOf = (
  stage: SharedStage,
  telling: readonly string[],
  all: readonly CellNode[],
  axes: Axes,
): readonly string[] => {
  const own = new Map(telling.map((axis) => [axis, labelsOn(axis, axes[axis]!, stage.cells)]))
  const mine = new Set(stage.cells)
  const isWithin = (cell: CellNode): boolean => {
    const labels = labelsOf(cell)
    return telling.every((axis) => own.get(axis)!.includes(String(labels[axis])))
  }
  const combinations = [...own.values()].reduce((product, { length }) => product * length, 1)
  const isExact =
    new Set(stage.cells.map((cell) => keyOf(cell, telling))).size === combinations ||
    all.every((cell) => mine.has(cell) || !isWithin(cell))
  if (!isExact) {
    // Its labels would name another's cells too: one cell of its own says which stage it is.
    const labels = labelsOf(firstCell(stage, axes))
    return telling.map((axis) => `${axis}=${String(labels[axis])}`)
  }
  return telling.flatMap((axis) => {
    const [labels, every] = [own.get(axis)!, labelsOn(axis, axes[axis]!, all)]
    return labels.length === every.length ? [] : [`${axis}=${labels.join('|')}`]
  })
}

const namesAlike = (name: string, stages: readonly SharedStage[], axes: Axes): ReadonlyMap<SharedStage, string> => {
  const telling = stages.length === 1 ? [] : tellingAxes(stages, Object.keys(axes))
  const all = [...new Set(stages.flatMap(({ cells }) => cells))]
  return new Map(stages.map((stage) => [stage, written(name, partsOf(stage, telling, all, axes))]))
}

/**
 * A name for each stage, no two alike, whatever the order of the cells: `stitch[init=learned,seed=2]`, or, where several
 * labels give one stage, `distill/tiny[init=learned|random]`. `axes` are the suite's, with the seeds as the axis `seed`.
 */
export const nameStages = (stages: readonly SharedStage[], axes: Axes): ReadonlyMap<SharedStage, string> => {
  const alike = new Map<string, SharedStage[]>()
  for (const stage of stages) alike.set(stage.name, [...(alike.get(stage.name) ?? []), stage])
  const names = new Map([...alike].flatMap(([name, group]) => [...namesAlike(name, group, axes)]))
  const used = new Map<string, number>()
  for (const [stage, name] of names) {
    // Only where a cell has one stage under two names can two stages still be called alike.
    const times = (used.get(name) ?? 0) + 1
    used.set(name, times)
    if (times > 1) names.set(stage, `${name}#${times}`)
  }
  return names
}
