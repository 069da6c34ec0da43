/** Which elements a window holds, and which windows hold an element, as tables of positions. */
import type { Window } from './window.js'

/** Row-major positions of a box of these extents. */
export const positionsOf = (extents: readonly number[]): number[][] =>
  extents.reduce<number[][]>(
    (found, extent) => found.flatMap((start) => Array.from({ length: extent }, (_, index) => [...start, index])),
    [[]],
  )

/** The elements of each window, in row-major order, as flat positions in the input. */
const heldBy = (window: Window): number[][] => {
  const offsets = positionsOf(window.size)
  return positionsOf(window.output).map((at) =>
    offsets.flatMap((offset) => {
      const position = window.input.map(
        (_, axis) => at[axis]! * window.strides[axis]! - window.before[axis]! + offset[axis]! * window.dilations[axis]!,
      )
      if (position.some((index, axis) => index < 0 || index >= window.input[axis]!)) return []
      return [position.reduce((flat, index, axis) => flat * window.input[axis]! + index, 0)]
    }),
  )
}

/** Rows of one length: a window over the edge repeats its first element at the end, where it is never the first. */
export const windowMembers = (window: Window): number[][] => {
  const held = heldBy(window)
  const longest = held.reduce((most, { length }) => Math.max(most, length), 1)
  return held.map((members) => Array.from({ length: longest }, (_, index) => members[index] ?? members[0] ?? 0))
}

/**
 * For each input position the windows that hold it, and which of their members it is. Rows of one length: what is left
 * over names member −1, which no window has.
 */
export const coverage = (window: Window): { readonly windows: number[][]; readonly members: number[][] } => {
  const size = window.input.reduce((product, extent) => product * extent, 1)
  const windows = Array.from({ length: size }, (): number[] => [])
  const members = Array.from({ length: size }, (): number[] => [])
  heldBy(window).forEach((held, at) =>
    held.forEach((position, member) => {
      windows[position]!.push(at)
      members[position]!.push(member)
    }),
  )
  const most = windows.reduce((longest, { length }) => Math.max(longest, length), 1)
  const filled = (rows: number[][], filling: number) =>
    rows.map((row) => Array.from({ length: most }, (_, index) => row[index] ?? filling))
  return { windows: filled(windows, 0), members: filled(members, -1) }
}
