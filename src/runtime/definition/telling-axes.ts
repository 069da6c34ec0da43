/** On which of a suite's axes do its stages of one name differ? Axes are told by their index, labels by their place. */

/** A cell: the place of its label in the order of each axis. */
export type Places = readonly number[]

/** A stage by its cells. */
export interface Placed {
  readonly places: readonly Places[]
}

/** What the cell has on these axes. */
export const keyOf = (places: Places, axes: readonly number[]): string => axes.map((axis) => places[axis]).join()

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
export const tellingAxes = (stages: readonly Placed[], axes: readonly number[]): readonly number[] => {
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
