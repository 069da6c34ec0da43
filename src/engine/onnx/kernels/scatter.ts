/**
 * Kernels that write at positions given by indices. ScatterElements goes through them in order, so equal indices give
 * the same sum every time; ScatterND does not where it has several threads.
 */
import * as tf from '@tensorflow/tfjs'
import { binary, expand, reshape } from '../broadcast.js'
import { type Graph, type GraphValue, sizeOf } from '../graph.js'
import { cast, kernel, required, type TraceKernel } from '../kernel.js'
import { choose, combine, compare } from './compose.js'
import { slice } from './layout.js'

/** What becomes of several values for one position. */
type Reduction = 'add' | 'max' | 'none'

/** Writes `rows [n, size]` at `ids [n]` into `target [count, size]`; with no reduction the last of equal ids stays. */
const scatterRows = (
  graph: Graph,
  target: GraphValue,
  ids: GraphValue,
  rows: GraphValue,
  reduction: Reduction,
): GraphValue => {
  const column = reshape(graph, cast(graph, ids, 'int64'), [sizeOf(ids.shape), 1])
  const inputs = [target, expand(graph, column, rows.shape), rows]
  return graph.node('ScatterElements', inputs, target, { axis: { int: 0 }, reduction: { text: reduction } })
}

/** `indices [.., depth]` into the leading axes of a shape → positions among the slices below these axes, `[n]`. */
const flatIndices = (graph: Graph, indices: GraphValue, shape: readonly number[]): GraphValue => {
  const depth = indices.shape.at(-1)!
  const count = sizeOf(indices.shape.slice(0, -1))
  const rows = reshape(graph, cast(graph, indices, 'int32'), [count, depth])
  if (depth === 1) return reshape(graph, rows, [count])
  const strides = Int32Array.from({ length: depth }, (_, axis) => sizeOf(shape.slice(axis + 1, depth)))
  const scaled = binary(graph, 'Mul', rows, graph.constant('int32', [depth], strides), 'int32')
  return graph.node(
    'ReduceSum',
    [scaled, graph.integers([1])],
    { shape: [count], type: 'int32' },
    { keepdims: { int: 0 } },
  )
}

/** Writes slices into a tensor at `indices [.., depth]`. ONNX cannot scatter bools, so these go as integers. */
const scatterSlices = (
  graph: Graph,
  target: GraphValue,
  indices: GraphValue,
  updates: GraphValue,
  reduction: Reduction,
): GraphValue => {
  const { shape } = target
  const depth = indices.shape.at(-1)!
  const size = sizeOf(shape.slice(depth))
  const ids = flatIndices(graph, indices, shape)
  const type = target.type === 'bool' ? 'int32' : target.type
  const before = reshape(graph, cast(graph, target, type), [sizeOf(shape.slice(0, depth)), size])
  const count = sizeOf(ids.shape)
  const given = cast(graph, updates, type)
  const rows = sizeOf(given.shape) === 1 ? expand(graph, reshape(graph, given, [1, 1]), [count, size]) : given
  const after = scatterRows(graph, before, ids, reshape(graph, rows, [count, size]), reduction)
  return cast(graph, reshape(graph, after, shape), target.type)
}

/** Counts or adds up what falls on each of `size` numbers, a row each; numbers from `size` on are left out. */
const binCount = (
  graph: Graph,
  numbers: GraphValue,
  weights: GraphValue,
  size: number,
  binary_: boolean,
): GraphValue => {
  const [rows, columns] = numbers.shape as [number, number]
  const weighted = sizeOf(weights.shape) > 0 && !binary_
  const amounts = weighted ? reshape(graph, weights, numbers.shape) : graph.uniform(weights.type, numbers.shape, 1)
  const bins = binary(graph, 'Min', cast(graph, numbers, 'int32'), graph.scalar('int32', size), 'int32')
  const zeros = graph.uniform(weights.type, [rows, size + 1], 0)
  const counted = graph.node('ScatterElements', [zeros, cast(graph, bins, 'int64'), amounts], zeros, {
    axis: { int: 1 },
    reduction: { text: binary_ ? 'max' : 'add' },
  })
  return columns === 0 ? graph.uniform(weights.type, [rows, size], 0) : slice(graph, counted, [0, 0], [rows, size])
}

interface BinAttributes {
  readonly size: number
  readonly binaryOutput?: boolean
}

const bins = (name: string): TraceKernel =>
  kernel<BinAttributes>(name, (graph, inputs, { size, binaryOutput }) => {
    const [x, weights] = [required(inputs, 'x'), required(inputs, 'weights')]
    const rows = x.shape.length === 2 ? x : reshape(graph, x, [1, sizeOf(x.shape)])
    const counted = binCount(graph, rows, weights, size, binaryOutput === true && x.shape.length === 2)
    return x.shape.length === 2 ? counted : reshape(graph, counted, [size])
  })

export const scatterKernels: readonly TraceKernel[] = [
  kernel<{ numSegments: number }>('UnsortedSegmentSum', (graph, inputs, { numSegments }) => {
    const x = required(inputs, 'x')
    const [count, size] = [x.shape[0]!, sizeOf(x.shape.slice(1))]
    const ids = cast(graph, required(inputs, 'segmentIds'), 'int32')
    // Rows of no segment are left out, where ONNX would count a negative one from the end.
    const known = combine(
      graph,
      'And',
      compare(graph, 'GreaterOrEqual', ids, 0),
      compare(graph, 'Less', ids, numSegments),
    )
    const rows = choose(graph, reshape(graph, known, [count, 1]), reshape(graph, x, [count, size]), 0)
    const zeros = graph.uniform(x.type, [numSegments, size], 0)
    const sums = scatterRows(graph, zeros, choose(graph, known, ids, 0), rows, 'add')
    return reshape(graph, sums, [numSegments, ...x.shape.slice(1)])
  }),
  kernel<{ shape: number[] }>('ScatterNd', (graph, inputs, { shape }) => {
    const [indices, updates] = [required(inputs, 'indices'), required(inputs, 'updates')]
    return scatterSlices(graph, graph.uniform(updates.type, shape, 0), indices, updates, 'add')
  }),
  kernel('TensorScatterUpdate', (graph, inputs) =>
    scatterSlices(graph, required(inputs, 'tensor'), required(inputs, 'indices'), required(inputs, 'updates'), 'none'),
  ),
  kernel<{ outputShape: number[] }>('SparseToDense', (graph, inputs, { outputShape }) => {
    const [indices, values] = [required(inputs, 'sparseIndices'), required(inputs, 'sparseValues')]
    const { sliceRank } = tf.backend_util.calculateShapes(
      { shape: [...values.shape] } as tf.TensorInfo,
      { shape: [...indices.shape] } as tf.TensorInfo,
      outputShape,
    )
    const filling = expand(graph, reshape(graph, required(inputs, 'defaultValue'), []), outputShape)
    const places = reshape(graph, indices, [sizeOf(indices.shape) / sliceRank, sliceRank])
    return scatterSlices(graph, filling, places, values, 'none')
  }),
  bins('Bincount'),
  bins('DenseBincount'),
]
