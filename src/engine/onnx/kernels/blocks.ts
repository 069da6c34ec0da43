/** Kernels that move blocks of elements between axes. */
import * as tf from '@tensorflow/tfjs'
import { reshape } from '../broadcast.js'
import { kernel, required, type TraceKernel } from '../kernel.js'
import { pad } from '../padding.js'
import { slice, transpose } from './layout.js'

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
      const [batch, depth, height, width] = x.shape as [number, number, number, number]
      const apart = reshape(graph, x, [batch, blockSize, blockSize, depth / block, height, width])
      const moved = transpose(graph, apart, [0, 3, 4, 1, 5, 2])
      return reshape(graph, moved, [batch, depth / block, height * blockSize, width * blockSize])
    }
    const [batch, height, width, depth] = x.shape as [number, number, number, number]
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
