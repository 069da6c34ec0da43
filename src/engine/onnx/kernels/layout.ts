/** Kernels that move elements without changing them: shapes, slices, joins, padding. */
import * as tf from '@tensorflow/tfjs'
import { reshape } from '../broadcast.js'
import { type Graph, type GraphValue, nodeOf, sizeOf, uniformOf } from '../graph.js'
import { kernel, type KernelInputs, required, type TraceKernel } from '../kernel.js'
import { pad } from '../padding.js'

export const transpose = (graph: Graph, x: GraphValue, perm: readonly number[]): GraphValue => {
  const shape = perm.map((axis) => x.shape[axis]!)
  const before = nodeOf(x, 'Transpose')
  if (before !== undefined && 'perm' in before.attributes) {
    const inner = (before.attributes['perm'] as { readonly ints: readonly number[] }).ints
    return transpose(
      graph,
      before.inputs[0]!,
      perm.map((axis) => inner[axis]!),
    )
  }
  // Where only axes of one element move, the elements stay in their order.
  const moved = perm.filter((axis) => x.shape[axis] !== 1)
  if (moved.every((axis, index) => index === 0 || axis > moved[index - 1]!)) return reshape(graph, x, shape)
  return (
    swappedMiddle(graph, x, perm) ?? graph.node('Transpose', [x], { shape, type: x.type }, { perm: { ints: perm } })
  )
}

/**
 * `[.., a, b, c]` → `[.., b, a, c]`: ONNX Runtime moves single axes half as fast as it permutes axes freely, so an axis
 * of one element is moved along.
 */
const swappedMiddle = (graph: Graph, x: GraphValue, perm: readonly number[]): GraphValue | undefined => {
  const rank = perm.length
  const swapped = perm.every(
    (axis, index) => axis === (index === rank - 3 ? index + 1 : index === rank - 2 ? index - 1 : index),
  )
  if (rank < 3 || !swapped) return undefined
  const [a, b, c] = x.shape.slice(-3) as [number, number, number]
  const outer = x.shape.slice(0, -3).reduce((size, extent) => size * extent, 1)
  const raised = reshape(graph, x, [outer, a, 1, b, c])
  const moved = graph.node(
    'Transpose',
    [raised],
    { shape: [1, outer, b, a, c], type: x.type },
    { perm: { ints: [2, 0, 3, 1, 4] } },
  )
  return reshape(graph, moved, [...x.shape.slice(0, -3), b, a, c])
}

export const slice = (graph: Graph, x: GraphValue, begin: readonly number[], size: readonly number[]): GraphValue => {
  const axes = x.shape.flatMap((extent, axis) => (size[axis] === extent ? [] : [axis]))
  if (axes.length === 0) return x
  const starts = axes.map((axis) => begin[axis]!)
  const ends = axes.map((axis) => begin[axis]! + size[axis]!)
  const inputs = [x, graph.integers(starts), graph.integers(ends), graph.integers(axes)]
  return graph.node('Slice', inputs, { shape: size, type: x.type })
}

/** A WebGPU shader may bind 12 buffers. */
const concatLimit = 10

export const concat = (graph: Graph, given: readonly GraphValue[], axis: number): GraphValue => {
  const parts = given.filter((part) => part.shape[axis] !== 0)
  if (parts.length === 0) return given[0]!
  if (parts.length === 1) return parts[0]!
  if (parts.length > concatLimit) {
    const groups = Array.from({ length: Math.ceil(parts.length / concatLimit) }, (_, group) =>
      concat(graph, parts.slice(group * concatLimit, (group + 1) * concatLimit), axis),
    )
    return concat(graph, groups, axis)
  }
  const shape = [...parts[0]!.shape]
  shape[axis] = parts.reduce((sum, part) => sum + part.shape[axis]!, 0)
  return graph.node('Concat', parts, { shape, type: parts[0]!.type }, { axis: { int: axis } })
}

/** Where a slice with a negative step ends that takes the first element too. */
const beforeFirst = -(2 ** 31)

const fromEnd = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

export const reverse = (graph: Graph, x: GraphValue, dims: readonly number[]): GraphValue => {
  const axes = dims.map((axis) => fromEnd(axis, x.shape.length)).filter((axis) => x.shape[axis] !== 1)
  if (axes.length === 0) return x
  const list = (value: number) => graph.integers(axes.map(() => value))
  return graph.node('Slice', [x, list(-1), list(beforeFirst), graph.integers(axes), list(-1)], x)
}

/** Slices of these sizes, one after the other. */
const split = (graph: Graph, x: GraphValue, sizes: readonly number[], axis: number): GraphValue[] => {
  let start = 0
  return sizes.map((size) => {
    const begin = x.shape.map((_, index) => (index === axis ? start : 0))
    start += size
    return slice(
      graph,
      x,
      begin,
      x.shape.map((extent, index) => (index === axis ? size : extent)),
    )
  })
}

const listed = (inputs: KernelInputs): GraphValue[] => Object.values(inputs)

export const layoutKernels: readonly TraceKernel[] = [
  kernel<tf.ReshapeAttrs>('Reshape', (graph, inputs, attributes) => {
    const x = required(inputs, 'x')
    const shape = tf.util.inferFromImplicitShape(attributes.shape, sizeOf(x.shape))
    if (sizeOf(shape) !== sizeOf(x.shape)) throw new Error(`[${x.shape}] cannot be reshaped to [${shape}]`)
    return reshape(graph, x, shape)
  }),
  kernel<{ dim: number }>('ExpandDims', (graph, inputs, { dim }) => {
    const x = required(inputs, 'input')
    const axis = fromEnd(dim, x.shape.length + 1)
    return reshape(graph, x, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)])
  }),
  kernel<tf.TransposeAttrs>('Transpose', (graph, inputs, { perm }) => transpose(graph, required(inputs, 'x'), perm)),
  kernel<{ begin: number | number[]; size: number | number[] }>('Slice', (graph, inputs, attributes) => {
    const x = required(inputs, 'x')
    const begin = [attributes.begin].flat()
    const starts = x.shape.map((_, axis) => begin[axis] ?? 0)
    const size = [attributes.size].flat()
    const sizes = x.shape.map((extent, axis) => {
      const wanted = size[axis] ?? -1
      return wanted === -1 ? extent - starts[axis]! : wanted
    })
    if (sizes.some((wanted, axis) => starts[axis]! < 0 || wanted < 0 || starts[axis]! + wanted > x.shape[axis]!)) {
      throw new Error(`[${sizes}] elements from [${starts}] on do not lie in the shape [${x.shape}]`)
    }
    return slice(graph, x, starts, sizes)
  }),
  kernel<{ axis: number }>('Concat', (graph, inputs, { axis }) => {
    const parts = listed(inputs)
    const along = fromEnd(axis, parts[0]!.shape.length)
    tf.backend_util.assertParamsConsistent(
      parts.map(({ shape }) => [...shape]),
      along,
    )
    return concat(graph, parts, along)
  }),
  kernel<{ axis: number }>('Pack', (graph, inputs, attributes) => {
    const parts = listed(inputs)
    const axis = fromEnd(attributes.axis, parts[0]!.shape.length + 1)
    const raised = parts.map((part) =>
      reshape(graph, part, [...part.shape.slice(0, axis), 1, ...part.shape.slice(axis)]),
    )
    return concat(graph, raised, axis)
  }),
  kernel<{ axis: number }>('Unpack', (graph, inputs, attributes) => {
    const x = required(inputs, 'value')
    const axis = fromEnd(attributes.axis, x.shape.length)
    const shape = x.shape.filter((_, index) => index !== axis)
    const ones = Array.from({ length: x.shape[axis]! }, () => 1)
    return split(graph, x, ones, axis).map((part) => reshape(graph, part, shape))
  }),
  kernel<{ numOrSizeSplits: number | number[]; axis: number }>('SplitV', (graph, inputs, attributes) => {
    const x = required(inputs, 'x')
    const axis = fromEnd(attributes.axis, x.shape.length)
    const extent = x.shape[axis]!
    const given = attributes.numOrSizeSplits
    if (typeof given === 'number') {
      return split(
        graph,
        x,
        Array.from({ length: given }, () => extent / given),
        axis,
      )
    }
    const known = given.reduce((sum, size) => (size === -1 ? sum : sum + size), 0)
    return split(
      graph,
      x,
      given.map((size) => (size === -1 ? extent - known : size)),
      axis,
    )
  }),
  kernel<{ reps: number[] }>('Tile', (graph, inputs, { reps }) => {
    const x = required(inputs, 'x')
    const shape = x.shape.map((extent, axis) => extent * reps[axis]!)
    const uniform = uniformOf(x)
    if (uniform !== undefined) return graph.uniform(x.type, shape, uniform)
    if (reps.every((times) => times === 1)) return x
    return graph.node('Tile', [x, graph.integers(reps)], { shape, type: x.type })
  }),
  kernel<tf.PadV2Attrs>('PadV2', (graph, inputs, { paddings, constantValue }) =>
    pad(graph, required(inputs, 'x'), paddings, constantValue),
  ),
  kernel<{ dims: number | number[] }>('Reverse', (graph, inputs, { dims }) =>
    reverse(graph, required(inputs, 'x'), [dims].flat()),
  ),
  kernel<tf.StridedSliceAttrs>('StridedSlice', (graph, inputs, attributes) => {
    const x = required(inputs, 'x')
    const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attributes
    const info = tf.slice_util.sliceInfo(
      [...x.shape],
      begin,
      end,
      strides,
      beginMask,
      endMask,
      ellipsisMask,
      newAxisMask,
      shrinkAxisMask,
    )
    const sizes = tf.slice_util.computeOutShape(info.begin, info.end, info.strides)
    // A negative end counts from the back in ONNX: one that means "before the first element" must lie far below.
    const ends = sizes.map((size, axis) => {
      const last = info.begin[axis]! + info.strides[axis]! * size
      return last < 0 ? beforeFirst : last
    })
    const lists = [info.begin, ends, sizes.map((_, axis) => axis), info.strides].map((list) => graph.integers(list))
    return reshape(graph, graph.node('Slice', [x, ...lists], { shape: sizes, type: x.type }), info.finalShape)
  }),
]
