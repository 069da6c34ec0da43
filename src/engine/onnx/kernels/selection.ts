/** Kernels that make tensors from indices, and constants. */
import { binary, reshape } from '../broadcast.js'
import { type ElementType, type Graph, type GraphValue, sizeOf } from '../graph.js'
import { cast, kernel, required, type TraceKernel } from '../kernel.js'

const typeOf = (dtype: string): ElementType => (dtype === 'int32' || dtype === 'bool' ? dtype : 'float32')

const counting = (graph: Graph, count: number): GraphValue =>
  graph.constant(
    'int32',
    [count],
    Int32Array.from({ length: count }, (_, index) => index),
  )

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
    if (axis !== batchDims) throw new Error(`a gather along axis ${axis} with ${batchDims} batch axes cannot be traced`)
    return gatherNd(graph, x, reshape(graph, indices, [...indices.shape, 1]), batchDims)
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
  // ScatterElements adds in order, so equal indices give the same sum every time.
  kernel<{ numSegments: number }>('UnsortedSegmentSum', (graph, inputs, { numSegments }) => {
    const x = required(inputs, 'x')
    const ids = cast(graph, required(inputs, 'segmentIds'), 'int64')
    const perRow = sizeOf(x.shape.slice(1))
    const rows = reshape(graph, x, [x.shape[0]!, perRow])
    const spread = graph.node('Expand', [reshape(graph, ids, [x.shape[0]!, 1]), graph.integers(rows.shape)], {
      shape: rows.shape,
      type: 'int64',
    })
    const zeros = graph.uniform(x.type, [numSegments, perRow], 0)
    const sums = graph.node('ScatterElements', [zeros, spread, rows], zeros, {
      axis: { int: 0 },
      reduction: { text: 'add' },
    })
    return reshape(graph, sums, [numSegments, ...x.shape.slice(1)])
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
    ) as [GraphValue, GraphValue]
    return [values, cast(graph, indices, 'int32')]
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
