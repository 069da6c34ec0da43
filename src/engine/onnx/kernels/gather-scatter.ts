/**
 * Kernels that read or write at positions given by indices, and those that make tensors of indices and constants. What
 * is written goes by ScatterElements, which takes the positions in order, so that equal indices give the same sum every
 * time; ScatterND does not where it has several threads.
 */
import * as tf from '@tensorflow/tfjs-core'
import { sizeOfShape } from '../../host-values.js'
import type { ElementType, Graph, GraphValue } from '../graph/graph.js'
import { binary, cast, choose, combine, compare, expand, reshape, slice, transpose } from '../graph/nodes.js'
import { kernel, required, type TraceKernel } from './kernel.js'

const typeOf = (dtype: string): ElementType => (dtype === 'int32' || dtype === 'bool' ? dtype : 'float32')

const counting = (graph: Graph, count: number): GraphValue =>
  graph.constant(
    'int32',
    [count],
    Int32Array.from({ length: count }, (_, index) => index),
  )

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)

const gatherNd = (graph: Graph, x: GraphValue, indices: GraphValue, batchDims: number): GraphValue => {
  const depth = indices.shape.at(-1)!
  const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(batchDims + depth)]
  const inputs = [x, cast(graph, indices, 'int64')]
  return graph.node('GatherND', inputs, { shape, type: x.type }, { batch_dims: { int: batchDims } })
}

export const selectionKernels: readonly TraceKernel[] = [
  kernel<{ axis: number; batchDims: number }>('GatherV2', (graph, inputs, attributes) => {
    const x = required(inputs, 'x')
    const indices = required(inputs, 'indices')
    const axis = attributes.axis < 0 ? attributes.axis + x.shape.length : attributes.axis
    const { batchDims } = attributes
    if (batchDims === 0) {
      const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]
      return graph.node('Gather', [x, indices], { shape, type: x.type }, { axis: { int: axis } })
    }
    const outer = range(batchDims, axis)
    const inner = range(axis + 1, x.shape.length)
    const front = transpose(graph, x, [...range(0, batchDims), axis, ...outer, ...inner])
    const places = reshape(graph, indices, [...indices.shape, 1])
    const gathered = gatherNd(graph, front, places, batchDims)
    // [batch.., indices.., outer.., inner..] → [batch.., outer.., indices.., inner..]
    const rank = indices.shape.length
    const last = rank + outer.length
    return transpose(graph, gathered, [
      ...range(0, batchDims),
      ...range(rank, last),
      ...range(batchDims, rank),
      ...range(last, last + inner.length),
    ])
  }),
  kernel('GatherNd', (graph, inputs) => gatherNd(graph, required(inputs, 'params'), required(inputs, 'indices'), 0)),
  kernel<{ depth: number; onValue: number; offValue: number; dtype: string }>('OneHot', (graph, inputs, attributes) => {
    const indices = required(inputs, 'indices')
    const columns = reshape(graph, cast(graph, indices, 'int32'), [...indices.shape, 1])
    const hit = binary(graph, 'Equal', columns, counting(graph, attributes.depth), 'bool')
    const type = typeOf(attributes.dtype)
    const [on, off] = [graph.scalar(type, attributes.onValue), graph.scalar(type, attributes.offValue)]
    return graph.node('Where', [hit, on, off], { shape: hit.shape, type })
  }),
  kernel<{ k: number; sorted: boolean }>('TopK', (graph, inputs, { k }) => {
    const x = required(inputs, 'x')
    const shape = [...x.shape.slice(0, -1), k]
    const [values, indices] = graph.nodes(
      'TopK',
      [x, graph.integers([k])],
      [
        { shape, type: x.type },
        { shape, type: 'int64' },
      ],
      { axis: { int: -1 }, largest: { int: 1 }, sorted: { int: 1 } },
    )
    return [values, cast(graph, indices, 'int32')]
  }),
  // As many elements as lie before a value are its place.
  kernel<{ side: 'left' | 'right' }>('SearchSorted', (graph, inputs, { side }) => {
    const [sequence, values] = [required(inputs, 'sortedSequence'), required(inputs, 'values')]
    const [rows, length] = sequence.shape
    const asked = reshape(graph, values, [rows, values.shape[1], 1])
    const known = reshape(graph, sequence, [rows, 1, length])
    const before = binary(graph, side === 'left' ? 'Less' : 'LessOrEqual', known, asked, 'bool')
    const counted = [cast(graph, before, 'int32'), graph.integers([2])]
    return graph.node('ReduceSum', counted, { shape: values.shape, type: 'int32' }, { keepdims: { int: 0 } })
  }),
  kernel('Diag', (graph, inputs) => {
    const x = required(inputs, 'x')
    const size = sizeOfShape(x.shape)
    const row = reshape(graph, cast(graph, x, 'float32'), [1, size])
    const diagonal = binary(
      graph,
      'Equal',
      reshape(graph, counting(graph, size), [size, 1]),
      counting(graph, size),
      'bool',
    )
    const zero = graph.scalar('float32', 0)
    const made = graph.node('Where', [diagonal, row, zero], { shape: [size, size], type: 'float32' })
    return reshape(graph, cast(graph, made, x.type), [...x.shape, ...x.shape])
  }),
  kernel<{ shape: number[]; value: number; dtype: string }>('Fill', (graph, _inputs, { shape, value, dtype }) =>
    graph.uniform(typeOf(dtype ?? 'float32'), shape, value),
  ),
  kernel<{ start: number; stop: number; step: number; dtype: string }>('Range', (graph, _inputs, attributes) => {
    const { start, stop, step, dtype } = attributes
    const count = Math.max(0, Math.ceil((stop - start) / step))
    const numbers = Array.from({ length: count }, (_, index) => start + index * step)
    const type = typeOf(dtype)
    return graph.constant(type, [count], type === 'int32' ? Int32Array.from(numbers) : Float32Array.from(numbers))
  }),
  kernel<{ start: number; stop: number; num: number }>('LinSpace', (graph, _inputs, { start, stop, num }) => {
    const step = (stop - start) / (num - 1)
    return graph.constant(
      'float32',
      [num],
      Float32Array.from({ length: num }, (_, index) => start + index * step),
    )
  }),
]

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
  const column = reshape(graph, cast(graph, ids, 'int64'), [sizeOfShape(ids.shape), 1])
  const inputs = [target, expand(graph, column, rows.shape), rows]
  return graph.node('ScatterElements', inputs, target, { axis: { int: 0 }, reduction: { text: reduction } })
}

/** `indices [.., depth]` into the leading axes of a shape → positions among the slices below these axes, `[n]`. */
const flatIndices = (graph: Graph, indices: GraphValue, shape: readonly number[]): GraphValue => {
  const depth = indices.shape.at(-1)!
  const count = sizeOfShape(indices.shape.slice(0, -1))
  const rows = reshape(graph, cast(graph, indices, 'int32'), [count, depth])
  if (depth === 1) return reshape(graph, rows, [count])
  const strides = Int32Array.from({ length: depth }, (_, axis) => sizeOfShape(shape.slice(axis + 1, depth)))
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
  const size = sizeOfShape(shape.slice(depth))
  const ids = flatIndices(graph, indices, shape)
  const type = target.type === 'bool' ? 'int32' : target.type
  const before = reshape(graph, cast(graph, target, type), [sizeOfShape(shape.slice(0, depth)), size])
  const count = sizeOfShape(ids.shape)
  const given = cast(graph, updates, type)
  const rows = sizeOfShape(given.shape) === 1 ? expand(graph, reshape(graph, given, [1, 1]), [count, size]) : given
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
  const [rows, columns] = numbers.shape
  const weighted = sizeOfShape(weights.shape) > 0 && !binary_
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
    const rows = x.shape.length === 2 ? x : reshape(graph, x, [1, sizeOfShape(x.shape)])
    const counted = binCount(graph, rows, weights, size, binaryOutput === true && x.shape.length === 2)
    return x.shape.length === 2 ? counted : reshape(graph, counted, [size])
  })

export const scatterKernels: readonly TraceKernel[] = [
  kernel<{ numSegments: number }>('UnsortedSegmentSum', (graph, inputs, { numSegments }) => {
    const x = required(inputs, 'x')
    const [count, size] = [x.shape[0], sizeOfShape(x.shape.slice(1))]
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
    const places = reshape(graph, indices, [sizeOfShape(indices.shape) / sliceRank, sliceRank])
    return scatterSlices(graph, filling, places, values, 'none')
  }),
  bins('Bincount'),
  bins('DenseBincount'),
]
