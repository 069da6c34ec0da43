/** Kernels on images `[batch, height, width, channels]`: resizing, turning, mirrored edges. */
import * as tf from '@tensorflow/tfjs'
import { reshape } from '../broadcast.js'
import type { Graph, GraphValue } from '../graph.js'
import { cast, kernel, required, type TraceKernel } from '../kernel.js'
import { type AxisMatrix, axisMatrix, axisProduct, gatherAxis, transposed } from './axis-product.js'
import { reverse } from './layout.js'

interface ResizeAttributes {
  readonly alignCorners: boolean
  readonly halfPixelCenters?: boolean
  readonly size: readonly [number, number]
}

const ratio = (from: number, to: number, { alignCorners }: ResizeAttributes): number =>
  alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to

/** Each row mixes the two nearest of `from` elements into one of `to`. */
const bilinear = (from: number, to: number, attributes: ResizeAttributes): AxisMatrix =>
  axisMatrix(to, from, (add) => {
    const scale = ratio(from, to, attributes)
    for (let row = 0; row < to; row++) {
      const source = attributes.halfPixelCenters === true ? scale * (row + 0.5) - 0.5 : scale * row
      const low = Math.max(0, Math.floor(source))
      const part = source - low
      add(row, low, 1 - part)
      add(row, Math.min(from - 1, Math.ceil(source)), part)
    }
  })

const nearest = (from: number, to: number, attributes: ResizeAttributes): number[] => {
  const scale = ratio(from, to, attributes)
  return Array.from({ length: to }, (_, row) => {
    const source = scale * (attributes.halfPixelCenters === true ? row + 0.5 : row)
    return Math.min(from - 1, attributes.alignCorners ? Math.round(source) : Math.floor(source))
  })
}

const nearestMatrix = (from: number, to: number, attributes: ResizeAttributes): AxisMatrix =>
  axisMatrix(to, from, (add) => nearest(from, to, attributes).forEach((position, row) => add(row, position, 1)))

/** The gradient of a resize: the transposed matrices, along both axes. */
const resizeGradient = (
  name: string,
  matrixOf: (from: number, to: number, attributes: ResizeAttributes) => AxisMatrix,
): TraceKernel =>
  kernel<ResizeAttributes>(name, (graph, inputs, attributes) => {
    const dy = required(inputs, 'dy')
    const [, height, width] = required(inputs, 'images').shape as [number, number, number, number]
    const alongHeight = axisProduct(graph, dy, 1, transposed(matrixOf(height, dy.shape[1]!, attributes)))
    return axisProduct(graph, alongHeight, 2, transposed(matrixOf(width, dy.shape[2]!, attributes)))
  })

/** The source of each position after a turn about the centre, as a flat position; −1 outside the image. */
const turned = (
  [height, width]: readonly [number, number],
  radians: number,
  center: number | [number, number],
): number[] => {
  const [centerX, centerY] = tf.backend_util.getImageCenter(center, height, width)
  const [sine, cosine] = [Math.sin(radians), Math.cos(radians)]
  return Array.from({ length: height * width }, (_, at) => {
    const [x, y] = [(at % width) - centerX, Math.floor(at / width) - centerY]
    const column = Math.round(x * cosine - y * sine + centerX)
    const row = Math.round(x * sine + y * cosine + centerY)
    return row >= 0 && row < height && column >= 0 && column < width ? row * width + column : -1
  })
}

interface RotateAttributes {
  readonly radians: number
  readonly fillValue: number | readonly [number, number, number]
  readonly center: number | [number, number]
}

const rotate = (graph: Graph, image: GraphValue, { radians, fillValue, center }: RotateAttributes): GraphValue => {
  const [batch, height, width, channels] = image.shape as [number, number, number, number]
  const sources = turned([height, width], radians, center)
  const positions = reshape(graph, image, [batch, height * width, channels])
  const moved = gatherAxis(
    graph,
    positions,
    1,
    sources.map((source) => Math.max(source, 0)),
  )
  if (!sources.includes(-1)) return reshape(graph, moved, image.shape)
  const inside = graph.constant(
    'bool',
    [sources.length, 1],
    Uint8Array.from(sources, (source) => (source < 0 ? 0 : 1)),
  )
  const colour = Array.from({ length: channels }, (_, channel) =>
    typeof fillValue === 'number' ? fillValue : channel === 3 ? 255 : fillValue[channel]!,
  )
  const outside = graph.constant('float32', [channels], Float32Array.from(colour))
  return reshape(graph, graph.node('Where', [inside, moved, outside], moved), image.shape)
}

export const imageKernels: readonly TraceKernel[] = [
  kernel<ResizeAttributes>('ResizeBilinear', (graph, inputs, attributes) => {
    const x = cast(graph, required(inputs, 'images'), 'float32')
    const [height, width] = attributes.size
    const alongHeight = axisProduct(graph, x, 1, bilinear(x.shape[1]!, height, attributes))
    return axisProduct(graph, alongHeight, 2, bilinear(x.shape[2]!, width, attributes))
  }),
  kernel<ResizeAttributes>('ResizeNearestNeighbor', (graph, inputs, attributes) => {
    const x = required(inputs, 'images')
    const [height, width] = attributes.size
    const alongHeight = gatherAxis(graph, x, 1, nearest(x.shape[1]!, height, attributes))
    return gatherAxis(graph, alongHeight, 2, nearest(x.shape[2]!, width, attributes))
  }),
  resizeGradient('ResizeBilinearGrad', bilinear),
  resizeGradient('ResizeNearestNeighborGrad', nearestMatrix),
  kernel('FlipLeftRight', (graph, inputs) => reverse(graph, required(inputs, 'image'), [2])),
  kernel<RotateAttributes>('RotateWithOffset', (graph, inputs, attributes) =>
    rotate(graph, required(inputs, 'image'), attributes),
  ),
  kernel<{ paddings: [number, number][]; mode: 'reflect' | 'symmetric' }>('MirrorPad', (graph, inputs, attributes) =>
    attributes.paddings.reduce(
      (x, [before, after], axis) => {
        const extent = x.shape[axis]!
        // 'symmetric' repeats the edge itself, 'reflect' does not.
        const edge = attributes.mode === 'reflect' ? 0 : 1
        const positions = Array.from({ length: before + extent + after }, (_, index) => {
          const at = index - before
          return at < 0 ? -at - edge : at >= extent ? 2 * (extent - 1) - at + edge : at
        })
        return gatherAxis(graph, x, axis, positions)
      },
      required(inputs, 'x'),
    ),
  ),
]
