/**
 * Convolutions in two and three dimensions, with their gradients. TensorFlow.js's filters are `[.., in, out]`, or
 * `[.., in, multiplier]` where each channel has filters of its own; ONNX's are `[out, in / groups, ..]`.
 */
import * as tf from '@tensorflow/tfjs-core'
import { binary, concat, pad, reshape, slice, transpose } from '../graph/nodes.js'
import type { Graph, GraphValue } from '../graph/graph.js'
import { sizeOfShape } from '../../host-values.js'
import { kernel, type KernelInputs, required, type TraceKernel } from './kernel.js'
import { activate } from './elementwise.js'
import {
  channelsFirst,
  channelsLast,
  positionsOf,
  reachingTo,
  type Window,
  window2D,
  window3D,
  windowAttributes,
} from './windows.js'

type Shape4 = [number, number, number, number]
type Shape5 = [number, number, number, number, number]

interface Attributes2D {
  readonly strides: [number, number] | number
  readonly pad: Parameters<typeof tf.backend_util.computeConv2DInfo>[4]
  readonly dataFormat?: 'NHWC' | 'NCHW'
  readonly dilations?: [number, number] | number
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil'
}

interface Attributes3D {
  readonly strides: [number, number, number] | number
  readonly pad: 'valid' | 'same'
  readonly dilations?: [number, number, number] | number
}

interface FusedAttributes extends Attributes2D {
  readonly activation: string
  readonly leakyreluAlpha?: number
}

/** A convolution as a kernel describes it. `separate`: each channel has filters of its own. */
interface Convolution {
  readonly window: Window
  readonly separate: boolean
  readonly first: boolean
}

const convolution2D = (
  input: readonly number[],
  filter: readonly number[],
  attributes: Attributes2D,
  separate: boolean,
): Convolution => {
  const first = attributes.dataFormat === 'NCHW'
  const info = tf.backend_util.computeConv2DInfo(
    input as Shape4,
    filter as Shape4,
    attributes.strides,
    attributes.dilations ?? 1,
    attributes.pad,
    attributes.dimRoundingMode,
    separate,
    first ? 'channelsFirst' : 'channelsLast',
  )
  return { window: window2D(info), separate, first }
}

const convolution3D = (input: readonly number[], filter: readonly number[], attributes: Attributes3D): Convolution => {
  const { strides, dilations, pad } = attributes
  const info = tf.backend_util.computeConv3DInfo(input as Shape5, filter as Shape5, strides, dilations ?? 1, pad)
  return { window: window3D(info), separate: false, first: false }
}

/** TensorFlow.js does not tell its gradients how the number of windows was rounded; the shape of what they get does. */
const producing = ({ shape }: GraphValue, convolution: Convolution): Convolution => ({
  ...convolution,
  window: reachingTo(convolution.window, convolution.first ? shape.slice(2) : shape.slice(1, -1)),
})

const inOrder = (graph: Graph, x: GraphValue, first: boolean): GraphValue => (first ? x : channelsFirst(graph, x))

const backInOrder = (graph: Graph, x: GraphValue, first: boolean): GraphValue => (first ? x : channelsLast(graph, x))

/** `[batch, .., channels]` or `[batch, channels, ..]` → `[channels, batch, ..]`. */
const batchInside = (graph: Graph, x: GraphValue, first: boolean): GraphValue => {
  const spatial = x.shape.slice(2).map((_, axis) => axis)
  return first
    ? transpose(graph, x, [1, 0, ...spatial.map((axis) => axis + 2)])
    : transpose(graph, x, [spatial.length + 1, 0, ...spatial.map((axis) => axis + 1)])
}

/** The filter as ONNX takes it. */
const onnxFilter = (graph: Graph, filter: GraphValue, { window, separate }: Convolution): GraphValue => {
  const spatial = window.size.map((_, axis) => axis)
  const rank = spatial.length
  if (!separate) return transpose(graph, filter, [rank + 1, rank, ...spatial])
  const byChannel = transpose(graph, filter, [rank, rank + 1, ...spatial])
  return reshape(graph, byChannel, [window.outChannels, 1, ...window.size])
}

const groups = ({ window, separate }: Convolution) => ({ group: { int: separate ? window.inChannels : 1 } })

/** The result is in ONNX's order. A bias has one element an output channel. */
const forward = (graph: Graph, x: GraphValue, filter: GraphValue, convolution: Convolution, bias?: GraphValue) => {
  const { window, first } = convolution
  const given = [inOrder(graph, x, first), onnxFilter(graph, filter, convolution)]
  const shape = [window.batch, window.outChannels, ...window.output]
  return graph.node(
    'Conv',
    bias === undefined ? given : [...given, bias],
    { shape, type: 'float32' },
    { ...windowAttributes(window), ...groups(convolution) },
  )
}

/** How many taps of a filter are gathered for one product; ONNX joins up to ten tensors in one node here. */
const fewTaps = 10

/** With fewer channels than this, gathering single elements takes longer than the convolution over the batch. */
const fewChannels = 4

/**
 * What each tap met, side by side, times what came out: `[taps · in, rows] · [rows, out]`. A convolution over the batch
 * takes more than twice as long, since its result is only as large as the filter.
 */
const gatheredGradient = (graph: Graph, x: GraphValue, dy: GraphValue, window: Window): GraphValue => {
  const { inChannels, outChannels, before, after, strides, dilations, output, size } = window
  const padded = pad(graph, x, [[0, 0], ...before.map((extent, axis) => [extent, after[axis]] as const), [0, 0]], 0)
  const taps = positionsOf(size).map((tap) => {
    const starts = tap.map((index, axis) => index * dilations[axis])
    return stridedSlice(graph, padded, starts, strides, output)
  })
  const rows = sizeOfShape(dy.shape.slice(0, -1))
  const columns = taps.length * inChannels
  const met = reshape(graph, concat(graph, taps, dy.shape.length - 1), [rows, columns])
  const results = reshape(graph, dy, [rows, outChannels])
  const shape = [columns, outChannels]
  const gradient = graph.node('Gemm', [met, results], { shape, type: 'float32' }, { transA: { int: 1 } })
  return reshape(graph, gradient, [...size, inChannels, outChannels])
}

/** Every so many elements along the axes between the first and the last. */
const stridedSlice = (
  graph: Graph,
  x: GraphValue,
  starts: readonly number[],
  strides: readonly number[],
  counts: readonly number[],
): GraphValue => {
  const shape = [x.shape[0], ...counts, x.shape.at(-1)!]
  if (strides.every((stride) => stride === 1)) return slice(graph, x, [0, ...starts, 0], shape)
  const ends = starts.map((start, axis) => start + strides[axis] * (counts[axis] - 1) + 1)
  const axes = starts.map((_, axis) => axis + 1)
  const lists = [starts, ends, axes, strides].map((list) => graph.integers(list))
  return graph.node('Slice', [x, ...lists], { shape, type: x.type })
}

/** The filter's gradient is a convolution over the batch: samples act as channels, and strides as dilations. */
const filterGradient = (graph: Graph, x: GraphValue, dy: GraphValue, convolution: Convolution): GraphValue => {
  const { window, separate, first } = convolution
  const { batch, inChannels, outChannels, strides, dilations, before, after, size } = window
  if (!separate && !first && sizeOfShape(size) <= fewTaps && inChannels >= fewChannels) {
    return gatheredGradient(graph, x, dy, window)
  }
  const met = window.left.map((left, axis) => size[axis] + Math.floor(left / dilations[axis]))
  const [samples, gradients] = [batchInside(graph, x, first), batchInside(graph, dy, first)]
  const grouped = separate ? reshape(graph, samples, [1, inChannels * batch, ...window.input]) : samples
  const shape = separate ? [1, outChannels, ...met] : [inChannels, outChannels, ...met]
  const full = graph.node(
    'Conv',
    [grouped, gradients],
    { shape, type: 'float32' },
    {
      strides: { ints: dilations },
      dilations: { ints: strides },
      pads: { ints: [...before, ...after] },
      ...groups(convolution),
    },
  )
  // What a stride leaves over at the far edges never met the filter.
  const whole = slice(
    graph,
    full,
    shape.map(() => 0),
    [...shape.slice(0, 2), ...size],
  )
  const byChannel = separate ? reshape(graph, whole, [inChannels, outChannels / inChannels, ...size]) : whole
  return transpose(graph, byChannel, [...size.map((_, axis) => axis + 2), 0, 1])
}

const inputGradient = (graph: Graph, dy: GraphValue, filter: GraphValue, convolution: Convolution): GraphValue => {
  const { window, first } = convolution
  const { left, strides, dilations } = window
  // ONNX Runtime lets a transposed convolution add less than a step at the far end; the rest is zero as well.
  const added = left.map((extent, axis) => Math.min(extent, Math.max(strides[axis], dilations[axis]) - 1))
  const missing = left.map((extent, axis) => extent - added[axis])
  const reached = window.input.map((extent, axis) => extent - missing[axis])
  const result = graph.node(
    'ConvTranspose',
    [inOrder(graph, dy, first), onnxFilter(graph, filter, convolution)],
    { shape: [window.batch, window.inChannels, ...reached], type: 'float32' },
    { ...windowAttributes(window), ...groups(convolution), output_padding: { ints: added } },
  )
  const whole = pad(graph, result, [[0, 0], [0, 0], ...missing.map((extent) => [0, extent] as const)], 0)
  return backInOrder(graph, whole, first)
}

/** One element a channel, in a shape that broadcasts to ONNX's order. */
const perChannel = (graph: Graph, value: GraphValue, { window }: Convolution): GraphValue =>
  value.shape.length === 1 && value.shape[0] === window.outChannels
    ? reshape(graph, value, [window.outChannels, ...window.size.map(() => 1)])
    : value

const fused = (graph: Graph, inputs: KernelInputs, attributes: FusedAttributes, separate: boolean): GraphValue => {
  const [x, filter] = [required(inputs, 'x'), required(inputs, 'filter')]
  const convolution = convolution2D(x.shape, filter.shape, attributes, separate)
  const { bias, preluActivationWeights: slopes } = inputs
  const inside = bias?.shape.length === 1 && bias.shape[0] === convolution.window.outChannels
  const product = forward(graph, x, filter, convolution, inside ? bias : undefined)
  // A bias or slopes of any other shape are meant for the result as TensorFlow.js has it.
  const direct = slopes === undefined || slopes.shape.length === 1
  if ((bias === undefined || inside) && direct) {
    const weights = slopes && perChannel(graph, slopes, convolution)
    const activated = activate(graph, product, {
      name: attributes.activation,
      alpha: attributes.leakyreluAlpha,
      weights,
    })
    return backInOrder(graph, activated, convolution.first)
  }
  const result = backInOrder(graph, product, convolution.first)
  const shifted = bias === undefined || inside ? result : binary(graph, 'Add', result, bias, 'float32')
  return activate(graph, shifted, {
    name: attributes.activation,
    alpha: attributes.leakyreluAlpha,
    weights: slopes && (convolution.first ? perChannel(graph, slopes, convolution) : slopes),
  })
}

interface Names {
  readonly forward: string
  readonly filter: string
  readonly input: string
}

/** A convolution and its two gradients. */
const family = <Given>(
  names: Names,
  described: (input: readonly number[], filter: readonly number[], attributes: Given) => Convolution,
): readonly TraceKernel[] => [
  kernel<Given>(names.forward, (graph, inputs, attributes) => {
    const [x, filter] = [required(inputs, 'x'), required(inputs, 'filter')]
    const convolution = described(x.shape, filter.shape, attributes)
    return backInOrder(graph, forward(graph, x, filter, convolution), convolution.first)
  }),
  kernel<Given & { filterShape: readonly number[] }>(names.filter, (graph, inputs, attributes) => {
    const [x, dy] = [required(inputs, 'x'), required(inputs, 'dy')]
    return filterGradient(graph, x, dy, producing(dy, described(x.shape, attributes.filterShape, attributes)))
  }),
  kernel<Given & { inputShape: readonly number[] }>(names.input, (graph, inputs, attributes) => {
    const [dy, filter] = [required(inputs, 'dy'), required(inputs, 'filter')]
    return inputGradient(graph, dy, filter, producing(dy, described(attributes.inputShape, filter.shape, attributes)))
  }),
]

export const convolutionKernels: readonly TraceKernel[] = [
  ...family<Attributes2D>(
    { forward: 'Conv2D', filter: 'Conv2DBackpropFilter', input: 'Conv2DBackpropInput' },
    (input, filter, attributes) => convolution2D(input, filter, attributes, false),
  ),
  ...family<Attributes2D>(
    {
      forward: 'DepthwiseConv2dNative',
      filter: 'DepthwiseConv2dNativeBackpropFilter',
      input: 'DepthwiseConv2dNativeBackpropInput',
    },
    (input, filter, attributes) => convolution2D(input, filter, attributes, true),
  ),
  ...family<Attributes3D>(
    { forward: 'Conv3D', filter: 'Conv3DBackpropFilterV2', input: 'Conv3DBackpropInputV2' },
    convolution3D,
  ),
  kernel<FusedAttributes>('FusedConv2D', (graph, inputs, attributes) => fused(graph, inputs, attributes, false)),
  kernel<FusedAttributes>('FusedDepthwiseConv2D', (graph, inputs, attributes) =>
    fused(graph, inputs, attributes, true),
  ),
]
