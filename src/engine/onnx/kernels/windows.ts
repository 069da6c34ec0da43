/**
 * Where the windows of a convolution or a pooling lie, for any number of spatial axes; which elements a window holds,
 * and which windows hold an element.
 */
import type * as tf from '@tensorflow/tfjs-core'
import type { Attributes, Graph, GraphValue } from '../graph/graph.js'
import { transpose } from '../graph/nodes.js'

type Info2D = ReturnType<typeof tf.backend_util.computeConv2DInfo>

type Info3D = ReturnType<typeof tf.backend_util.computeConv3DInfo>

/** One number a spatial axis in every list. */
export interface Window {
  readonly batch: number
  readonly inChannels: number
  readonly outChannels: number
  readonly input: readonly number[]
  readonly output: readonly number[]
  readonly size: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Padding before the first element, and as much after the last as the windows reach. */
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** Elements at the far end that no window reaches. */
  readonly left: readonly number[]
}

type Placed = Omit<Window, 'after' | 'left'>

/** With their number rounded up, the last window may reach beyond the padding; rounded down, it may end before it. */
const reaching = (window: Placed): Window => {
  const over = window.input.map(
    (extent, axis) =>
      window.strides[axis] * (window.output[axis] - 1) +
      window.dilations[axis] * (window.size[axis] - 1) +
      1 -
      window.before[axis] -
      extent,
  )
  return {
    ...window,
    after: over.map((reach) => Math.max(reach, 0)),
    left: over.map((reach) => Math.max(-reach, 0)),
  }
}

/** The same windows in another number. */
export const reachingTo = (window: Window, output: readonly number[]): Window => reaching({ ...window, output })

export const window2D = (info: Info2D): Window =>
  reaching({
    batch: info.batchSize,
    inChannels: info.inChannels,
    outChannels: info.outChannels,
    input: [info.inHeight, info.inWidth],
    output: [info.outHeight, info.outWidth],
    size: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    before: [info.padInfo.top, info.padInfo.left],
  })

export const window3D = (info: Info3D): Window =>
  reaching({
    batch: info.batchSize,
    inChannels: info.inChannels,
    outChannels: info.outChannels,
    input: [info.inDepth, info.inHeight, info.inWidth],
    output: [info.outDepth, info.outHeight, info.outWidth],
    size: [info.filterDepth, info.filterHeight, info.filterWidth],
    strides: [info.strideDepth, info.strideHeight, info.strideWidth],
    dilations: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
    before: [info.padInfo.front, info.padInfo.top, info.padInfo.left],
  })

/** ONNX's attributes of an operator that moves this window. */
export const windowAttributes = ({ strides, dilations, before, after }: Window): Attributes => ({
  strides: { ints: strides },
  dilations: { ints: dilations },
  pads: { ints: [...before, ...after] },
})

/** `[batch, .., channels]` → `[batch, channels, ..]`. */
export const channelsFirst = (graph: Graph, x: GraphValue): GraphValue => {
  const rank = x.shape.length
  return transpose(graph, x, [0, rank - 1, ...x.shape.slice(2).map((_, axis) => axis + 1)])
}

/** `[batch, channels, ..]` → `[batch, .., channels]`. */
export const channelsLast = (graph: Graph, x: GraphValue): GraphValue =>
  transpose(graph, x, [0, ...x.shape.slice(2).map((_, axis) => axis + 2), 1])

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
        (_, axis) => at[axis] * window.strides[axis] - window.before[axis] + offset[axis] * window.dilations[axis],
      )
      if (position.some((index, axis) => index < 0 || index >= window.input[axis])) return []
      return [position.reduce((flat, index, axis) => flat * window.input[axis] + index, 0)]
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
      windows[position].push(at)
      members[position].push(member)
    }),
  )
  const most = windows.reduce((longest, { length }) => Math.max(longest, length), 1)
  const filled = (rows: number[][], filling: number) =>
    rows.map((row) => Array.from({ length: most }, (_, index) => row[index] ?? filling))
  return { windows: filled(windows, 0), members: filled(members, -1) }
}
