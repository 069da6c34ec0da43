/** Kernels that make tensors from indices, and constants. */
import { binary, reshape } from '../broadcast.js'
import { type ElementType, type Graph, type GraphValue, sizeOf } from '../graph.js'
import { cast, kernel, required, type TraceKernel } from '../kernel.js'
import { transpose } from './layout.js'

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
    ) as [GraphValue, GraphValue]
    return [values, cast(graph, indices, 'int32')]
  }),
  // As many elements as lie before a value are its place.
  kernel<{ side: 'left' | 'right' }>('SearchSorted', (graph, inputs, { side }) => {
    const [sequence, values] = [required(inputs, 'sortedSequence'), required(inputs, 'values')]
    const [rows, length] = sequence.shape as [number, number]
    const asked = reshape(graph, values, [rows, values.shape[1]!, 1])
    const known = reshape(graph, sequence, [rows, 1, length])
    const before = binary(graph, side === 'left' ? 'Less' : 'LessOrEqual', known, asked, 'bool')
    const counted = [cast(graph, before, 'int32'), graph.integers([2])]
    return graph.node('ReduceSum', counted, { shape: values.shape, type: 'int32' }, { keepdims: { int: 0 } })
  }),
  kernel('Diag', (graph, inputs) => {
    const x = required(inputs, 'x')
    const size = sizeOf(x.shape)
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
