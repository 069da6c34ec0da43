/** Kernels that move elements without changing them: shapes, slices, joins, padding, blocks. */
import * as tf from '@tensorflow/tfjs-core'
import { sizeOfShape } from '../../host-values.js'
import { type Graph, type GraphValue, uniformOf } from '../graph/graph.js'
import { beforeFirst, concat, fromEnd, pad, reshape, reverse, slice, transpose } from '../graph/nodes.js'
import { kernel, type KernelInputs, required, type TraceKernel } from './kernel.js'

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
    const shape = tf.util.inferFromImplicitShape(attributes.shape, sizeOfShape(x.shape))
    if (sizeOfShape(shape) !== sizeOfShape(x.shape)) throw new Error(`[${x.shape}] cannot be reshaped to [${shape}]`)
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
      return wanted === -1 ? extent - starts[axis] : wanted
    })
    if (sizes.some((wanted, axis) => starts[axis] < 0 || wanted < 0 || starts[axis] + wanted > x.shape[axis])) {
      throw new Error(`[${sizes}] elements from [${starts}] on do not lie in the shape [${x.shape}]`)
    }
    return slice(graph, x, starts, sizes)
  }),
  kernel<{ axis: number }>('Concat', (graph, inputs, { axis }) => {
    const parts = listed(inputs)
    const along = fromEnd(axis, parts[0].shape.length)
    tf.backend_util.assertParamsConsistent(
      parts.map(({ shape }) => [...shape]),
      along,
    )
    return concat(graph, parts, along)
  }),
  kernel<{ axis: number }>('Pack', (graph, inputs, attributes) => {
    const parts = listed(inputs)
    const axis = fromEnd(attributes.axis, parts[0].shape.length + 1)
    const raised = parts.map((part) =>
      reshape(graph, part, [...part.shape.slice(0, axis), 1, ...part.shape.slice(axis)]),
    )
    return concat(graph, raised, axis)
  }),
  kernel<{ axis: number }>('Unpack', (graph, inputs, attributes) => {
    const x = required(inputs, 'value')
    const axis = fromEnd(attributes.axis, x.shape.length)
    const shape = x.shape.filter((_, index) => index !== axis)
    const ones = Array.from({ length: x.shape[axis] }, () => 1)
    return split(graph, x, ones, axis).map((part) => reshape(graph, part, shape))
  }),
  kernel<{ numOrSizeSplits: number | number[]; axis: number }>('SplitV', (graph, inputs, attributes) => {
    const x = required(inputs, 'x')
    const axis = fromEnd(attributes.axis, x.shape.length)
    const extent = x.shape[axis]
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
    const shape = x.shape.map((extent, axis) => extent * reps[axis])
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
      const last = info.begin[axis] + info.strides[axis] * size
      return last < 0 ? beforeFirst : last
    })
    const lists = [info.begin, ends, sizes.map((_, axis) => axis), info.strides].map((list) => graph.integers(list))
    return reshape(graph, graph.node('Slice', [x, ...lists], { shape: sizes, type: x.type }), info.finalShape)
  }),
]

interface DepthAttributes {
  readonly blockSize: number
  readonly dataFormat: 'NHWC' | 'NCHW'
}

const { getPermuted, getReshaped, getReshapedPermuted, getSliceBeginCoords, getSliceSize } = tf.backend_util

export const blockKernels: readonly TraceKernel[] = [
  kernel<DepthAttributes>('DepthToSpace', (graph, inputs, { blockSize, dataFormat }) => {
    const x = required(inputs, 'x')
    const block = blockSize * blockSize
    if (dataFormat === 'NCHW') {
      const [batch, depth, height, width] = x.shape
      const apart = reshape(graph, x, [batch, blockSize, blockSize, depth / block, height, width])
      const moved = transpose(graph, apart, [0, 3, 4, 1, 5, 2])
      return reshape(graph, moved, [batch, depth / block, height * blockSize, width * blockSize])
    }
    const [batch, height, width, depth] = x.shape
    const apart = reshape(graph, x, [batch, height, width, blockSize, blockSize, depth / block])
    const moved = transpose(graph, apart, [0, 1, 3, 2, 4, 5])
    return reshape(graph, moved, [batch, height * blockSize, width * blockSize, depth / block])
  }),
  kernel<{ blockShape: number[]; paddings: [number, number][] }>('SpaceToBatchND', (graph, inputs, attributes) => {
    const { blockShape, paddings } = attributes
    const x = required(inputs, 'x')
    const block = tf.util.sizeFromShape(blockShape)
    const around = x.shape.map((_, axis) => paddings[axis - 1] ?? ([0, 0] as const))
    const padded = pad(graph, x, around, 0)
    const apart = getReshaped([...padded.shape], blockShape, block, false)
    const moved = transpose(graph, reshape(graph, padded, apart), getPermuted(apart.length, blockShape.length, false))
    return reshape(graph, moved, getReshapedPermuted([...padded.shape], blockShape, block, false))
  }),
  kernel<{ blockShape: number[]; crops: number[][] }>('BatchToSpaceND', (graph, inputs, { blockShape, crops }) => {
    const x = required(inputs, 'x')
    const block = tf.util.sizeFromShape(blockShape)
    const apart = getReshaped([...x.shape], blockShape, block)
    const moved = transpose(graph, reshape(graph, x, apart), getPermuted(apart.length, blockShape.length))
    const joined = getReshapedPermuted([...x.shape], blockShape, block)
    const begin = getSliceBeginCoords(crops, blockShape.length)
    const size = getSliceSize(joined, crops, blockShape.length)
    return slice(
      graph,
      reshape(graph, moved, joined),
      joined.map((_, axis) => begin[axis] ?? 0),
      joined.map((extent, axis) => size[axis] ?? extent),
    )
  }),
]
