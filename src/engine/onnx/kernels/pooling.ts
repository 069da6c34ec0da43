/** Pooling in two and three dimensions, with its gradients. Channels come last: TensorFlow.js has no other pooling. */
import * as tf from '@tensorflow/tfjs-core'
import { binary, cast, reshape } from '../graph/nodes.js'
import type { Graph, GraphValue } from '../graph/graph.js'
import { sizeOfShape } from '../../host-values.js'
import { kernel, required, type TraceKernel } from './kernel.js'
import { axisMatrix, axisProduct } from './axis-product.js'
import {
  channelsFirst,
  channelsLast,
  coverage,
  reachingTo,
  type Window,
  window2D,
  window3D,
  windowAttributes,
  windowMembers,
} from './windows.js'

interface Attributes2D {
  readonly filterSize: [number, number] | number
  readonly strides: [number, number] | number
  readonly pad: Parameters<typeof tf.backend_util.computePool2DInfo>[4]
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil'
}

interface Attributes3D {
  readonly filterSize: [number, number, number] | number
  readonly strides: [number, number, number] | number
  readonly pad: 'valid' | 'same' | number
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil'
}

type WindowOf<Given> = (input: readonly number[], attributes: Given) => Window

const pool2D: WindowOf<Attributes2D> = (input, { filterSize, strides, pad, dimRoundingMode }) =>
  window2D(
    tf.backend_util.computePool2DInfo(
      input as [number, number, number, number],
      filterSize,
      strides,
      1,
      pad,
      dimRoundingMode,
    ),
  )

const pool3D: WindowOf<Attributes3D> = (input, { filterSize, strides, pad, dimRoundingMode }) =>
  window3D(
    tf.backend_util.computePool3DInfo(
      input as [number, number, number, number, number],
      filterSize,
      strides,
      1,
      pad,
      dimRoundingMode,
    ),
  )

const pool = (graph: Graph, op: string, x: GraphValue, window: Window): GraphValue => {
  if (window.size.every((extent) => extent === 1) && window.strides.every((stride) => stride === 1)) return x
  const shape = [window.batch, window.inChannels, ...window.output]
  const pooled = graph.node(
    op,
    [channelsFirst(graph, cast(graph, x, 'float32'))],
    { shape, type: 'float32' },
    { ...windowAttributes(window), kernel_shape: { ints: window.size } },
  )
  return cast(graph, channelsLast(graph, pooled), x.type)
}

/** `[batch, positions, channels]`. */
const flat = (graph: Graph, x: GraphValue): GraphValue =>
  reshape(graph, x, [x.shape[0], sizeOfShape(x.shape.slice(1, -1)), x.shape.at(-1)!])

const gatherPositions = (graph: Graph, x: GraphValue, table: GraphValue): GraphValue => {
  const [batch, , channels] = x.shape
  const shape = [batch, ...table.shape, channels]
  return graph.node('Gather', [x, table], { shape, type: x.type }, { axis: { int: 1 } })
}

const table = (graph: Graph, rows: readonly (readonly number[])[]): GraphValue =>
  graph.constant('int32', [rows.length, rows[0]?.length ?? 0], Int32Array.from(rows.flat()))

/** Which member of its window is the first of the greatest: `[batch, windows, channels]`, int32. */
const winners = (graph: Graph, x: GraphValue, window: Window): GraphValue => {
  const members = gatherPositions(graph, flat(graph, x), table(graph, windowMembers(window)))
  const [batch, windows, , channels] = members.shape
  const found = graph.node(
    'ArgMax',
    [cast(graph, members, 'float32')],
    { shape: [batch, windows, channels], type: 'int64' },
    { axis: { int: 2 }, keepdims: { int: 0 } },
  )
  return cast(graph, found, 'int32')
}

/** Each element's sum over the windows that it wins: no scattering, so every device adds in the same order. */
const maxGradient = (graph: Graph, dy: GraphValue, x: GraphValue, window: Window): GraphValue => {
  const { windows, members } = coverage(window)
  const covering = table(graph, windows)
  const winner = gatherPositions(graph, winners(graph, x, window), covering)
  const own = reshape(graph, table(graph, members), [...covering.shape, 1])
  const won = binary(graph, 'Equal', winner, own, 'bool')
  const parts = gatherPositions(graph, flat(graph, dy), covering)
  const kept = graph.node('Where', [won, parts, graph.scalar('float32', 0)], parts)
  if (covering.shape[1] === 1) return reshape(graph, kept, x.shape)
  const [batch, positions, , channels] = kept.shape
  const shape = [batch, positions, channels]
  const sum = graph.node('ReduceSum', [kept, graph.integers([2])], { shape, type: 'float32' }, { keepdims: { int: 0 } })
  return reshape(graph, sum, x.shape)
}

/** The mean over a window is the mean along each axis in turn, and so is what goes back. */
const averageGradient = (graph: Graph, dy: GraphValue, window: Window): GraphValue =>
  window.input.reduce((gradient, extent, axis) => {
    const [size, stride, before] = [window.size[axis], window.strides[axis], window.before[axis]]
    const matrix = axisMatrix(extent, window.output[axis], (add) => {
      for (let at = 0; at < window.output[axis]; at++) {
        const from = Math.max(0, at * stride - before)
        const to = Math.min(extent, at * stride - before + size)
        for (let position = from; position < to; position++) add(position, at, 1 / (to - from))
      }
    })
    return axisProduct(graph, gradient, axis + 1, matrix)
  }, dy)

const family = <Given>(suffix: string, windowOf: WindowOf<Given>): readonly TraceKernel[] => [
  kernel<Given>(`MaxPool${suffix}`, (graph, inputs, attributes) => {
    const x = required(inputs, 'x')
    return pool(graph, 'MaxPool', x, windowOf(x.shape, attributes))
  }),
  kernel<Given>(`AvgPool${suffix}`, (graph, inputs, attributes) => {
    const x = required(inputs, 'x')
    return pool(graph, 'AveragePool', x, windowOf(x.shape, attributes))
  }),
  kernel<Given>(`MaxPool${suffix}Grad`, (graph, inputs, attributes) => {
    const x = required(inputs, 'input')
    return maxGradient(graph, required(inputs, 'dy'), x, windowOf(x.shape, attributes))
  }),
  kernel<Given>(`AvgPool${suffix}Grad`, (graph, inputs, attributes) => {
    const { shape } = required(inputs, 'input')
    const dy = required(inputs, 'dy')
    // TensorFlow.js does not tell this kernel how the number of windows was rounded.
    return averageGradient(graph, dy, reachingTo(windowOf(shape, attributes), dy.shape.slice(1, -1)))
  }),
]

export const poolingKernels: readonly TraceKernel[] = [
  ...family('', pool2D),
  ...family('3D', pool3D),
  kernel<Attributes2D & { includeBatchInIndex: boolean }>('MaxPoolWithArgmax', (graph, inputs, attributes) => {
    const x = required(inputs, 'x')
    const window = pool2D(x.shape, attributes)
    const { batch, inChannels } = window
    const members = windowMembers(window)
    const count = members[0]?.length ?? 0
    const shape = [batch, members.length, inChannels]
    const add = (a: GraphValue, b: GraphValue) => binary(graph, 'Add', a, b, 'int32')
    const counting = (length: number, step: number, at: readonly number[]) =>
      graph.constant(
        'int32',
        at,
        Int32Array.from({ length }, (_, index) => index * step),
      )
    const slot = add(winners(graph, x, window), counting(members.length, count, [members.length, 1]))
    const positions = graph.constant('int32', [members.length * count], Int32Array.from(members.flat()))
    const position = graph.node('Gather', [positions, slot], { shape, type: 'int32' }, { axis: { int: 0 } })
    const scaled = binary(graph, 'Mul', position, graph.scalar('int32', inChannels), 'int32')
    const inSample = add(scaled, counting(inChannels, 1, [inChannels]))
    const index = attributes.includeBatchInIndex
      ? add(inSample, counting(batch, sizeOfShape(x.shape.slice(1)), [batch, 1, 1]))
      : inSample
    return [pool(graph, 'MaxPool', x, window), reshape(graph, index, [batch, ...window.output, inChannels])]
  }),
]
