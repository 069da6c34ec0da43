/**
 * Kernels on images `[batch, height, width, channels]`: resizing, turning, mirrored edges, and reading at positions
 * that are computed.
 */
import * as tf from '@tensorflow/tfjs-core'
import { sizeOfShape } from '../../host-values.js'
import type { Graph, GraphValue } from '../graph/graph.js'
import { apply, cast, choose, combine, compare, reshape, reverse, slice } from '../graph/nodes.js'
import { type AxisMatrix, axisMatrix, axisProduct, gatherAxis, transposedMatrix } from './axis-product.js'
import { kernel, required, type TraceKernel } from './kernel.js'

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
    const [, height, width] = required(inputs, 'images').shape
    const alongHeight = axisProduct(graph, dy, 1, transposedMatrix(matrixOf(height, dy.shape[1], attributes)))
    return axisProduct(graph, alongHeight, 2, transposedMatrix(matrixOf(width, dy.shape[2], attributes)))
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
  const [batch, height, width, channels] = image.shape
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
    typeof fillValue === 'number' ? fillValue : channel === 3 ? 255 : fillValue[channel],
  )
  const outside = graph.constant('float32', [channels], Float32Array.from(colour))
  return reshape(graph, graph.node('Where', [inside, moved, outside], moved), image.shape)
}

export const imageKernels: readonly TraceKernel[] = [
  kernel<ResizeAttributes>('ResizeBilinear', (graph, inputs, attributes) => {
    const x = cast(graph, required(inputs, 'images'), 'float32')
    const [height, width] = attributes.size
    const alongHeight = axisProduct(graph, x, 1, bilinear(x.shape[1], height, attributes))
    return axisProduct(graph, alongHeight, 2, bilinear(x.shape[2], width, attributes))
  }),
  kernel<ResizeAttributes>('ResizeNearestNeighbor', (graph, inputs, attributes) => {
    const x = required(inputs, 'images')
    const [height, width] = attributes.size
    const alongHeight = gatherAxis(graph, x, 1, nearest(x.shape[1], height, attributes))
    return gatherAxis(graph, alongHeight, 2, nearest(x.shape[2], width, attributes))
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
        const extent = x.shape[axis]
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

type Interpolation = 'bilinear' | 'nearest'

/** Where to read: the sample `[n, 1, 1]` int32, row and column, floats that broadcast to `[n, height, width]`. */
interface Positions {
  readonly sample: GraphValue
  readonly row: GraphValue
  readonly column: GraphValue
}

const clamped = (graph: Graph, x: GraphValue, extent: number): GraphValue =>
  combine(graph, 'Min', combine(graph, 'Max', x, 0), extent - 1)

const within = (graph: Graph, x: GraphValue, extent: number): GraphValue =>
  combine(graph, 'And', compare(graph, 'GreaterOrEqual', x, 0), compare(graph, 'LessOrEqual', x, extent - 1))

const perChannel = (graph: Graph, x: GraphValue): GraphValue => reshape(graph, x, [...x.shape, 1])

/** The elements at whole positions, `filling` outside the image. */
const readAt = (graph: Graph, image: GraphValue, { sample, row, column }: Positions, filling: number): GraphValue => {
  const [, height, width, channels] = image.shape
  const [y, x] = [clamped(graph, row, height), clamped(graph, column, width)]
  const line = combine(graph, 'Add', combine(graph, 'Mul', sample, height), cast(graph, y, 'int32'))
  const index = combine(graph, 'Add', combine(graph, 'Mul', line, width), cast(graph, x, 'int32'))
  const flat = reshape(graph, image, [sizeOfShape(image.shape.slice(0, -1)), channels])
  const shape = [...index.shape, channels]
  const found = graph.node('Gather', [flat, index], { shape, type: image.type }, { axis: { int: 0 } })
  const inside = combine(graph, 'And', within(graph, row, height), within(graph, column, width))
  return choose(graph, perChannel(graph, inside), found, filling)
}

const sampled = (
  graph: Graph,
  image: GraphValue,
  positions: Positions,
  interpolation: Interpolation,
  filling: number,
): GraphValue => {
  const { sample, row, column } = positions
  if (interpolation === 'nearest') {
    const [y, x] = [row, column].map((at) => apply(graph, 'Floor', combine(graph, 'Add', at, 0.5)))
    return readAt(graph, image, { sample, row: y, column: x }, filling)
  }
  const [top, left] = [apply(graph, 'Floor', row), apply(graph, 'Floor', column)]
  const [down, across] = [
    perChannel(graph, combine(graph, 'Sub', row, top)),
    perChannel(graph, combine(graph, 'Sub', column, left)),
  ]
  const mixed = (a: GraphValue, b: GraphValue, part: GraphValue): GraphValue =>
    combine(graph, 'Add', a, combine(graph, 'Mul', combine(graph, 'Sub', b, a), part))
  const line = (y: GraphValue): GraphValue => {
    const right = combine(graph, 'Add', left, 1)
    const [first, second] = [left, right].map((x) => readAt(graph, image, { sample, row: y, column: x }, filling))
    return mixed(first, second, across)
  }
  return mixed(line(top), line(combine(graph, 'Add', top, 1)), down)
}

const counting = (graph: Graph, count: number, shape: readonly number[]): GraphValue =>
  graph.constant(
    'float32',
    shape,
    Float32Array.from({ length: count }, (_, index) => index),
  )

/** One column of a table, `[rows, 1, 1]`. */
const columnOf = (graph: Graph, table: GraphValue, index: number): GraphValue =>
  reshape(graph, slice(graph, table, [0, index], [table.shape[0], 1]), [table.shape[0], 1, 1])

interface CropAttributes {
  readonly cropSize: readonly [number, number]
  readonly method: Interpolation
  readonly extrapolationValue: number
}

const cropAndResize = (graph: Graph, image: GraphValue, boxes: GraphValue, of: GraphValue, crop: CropAttributes) => {
  const { cropSize, method, extrapolationValue } = crop
  const sample = reshape(graph, cast(graph, of, 'int32'), [boxes.shape[0], 1, 1])
  // From the box's one edge to its other, or its middle where one line is asked for.
  const along = (axis: 0 | 1): GraphValue => {
    const [count, last] = [cropSize[axis], image.shape[axis + 1] - 1]
    const shares = Float32Array.from({ length: count }, (_, index) => (count > 1 ? index / (count - 1) : 0.5) * last)
    const shape = axis === 0 ? [count, 1] : [1, count]
    const toEnd = graph.constant('float32', shape, shares)
    const toStart = graph.constant(
      'float32',
      shape,
      shares.map((share) => last - share),
    )
    const [from, to] = [columnOf(graph, boxes, axis), columnOf(graph, boxes, axis + 2)]
    return combine(graph, 'Add', combine(graph, 'Mul', from, toStart), combine(graph, 'Mul', to, toEnd))
  }
  const [row, column] = [along(0), along(1)]
  const found = sampled(graph, image, { sample, row, column }, method, extrapolationValue)
  const inside = combine(graph, 'And', within(graph, row, image.shape[1]), within(graph, column, image.shape[2]))
  return choose(graph, perChannel(graph, inside), found, extrapolationValue)
}

interface TransformAttributes {
  readonly interpolation: Interpolation
  readonly fillMode: 'constant' | 'reflect' | 'wrap' | 'nearest'
  readonly fillValue: number
  readonly outputShape?: readonly [number, number] | null
}

/** A position outside the image, brought inside as the mode says. */
const broughtInside = (graph: Graph, at: GraphValue, extent: number, mode: string): GraphValue => {
  if (mode === 'reflect') {
    const period = 2 * extent
    const turns = apply(graph, 'Floor', combine(graph, 'Div', at, period))
    const phase = combine(graph, 'Sub', at, combine(graph, 'Mul', turns, period))
    const mirrored = combine(graph, 'Sub', graph.scalar('float32', period - 1), phase)
    const back = compare(graph, 'GreaterOrEqual', phase, extent)
    return clamped(graph, choose(graph, back, mirrored, phase), extent)
  }
  if (mode === 'wrap' && extent > 1) {
    const turns = apply(graph, 'Floor', combine(graph, 'Div', apply(graph, 'Abs', at), extent - 1))
    const shift = combine(graph, 'Mul', turns, extent)
    const below = combine(graph, 'Add', combine(graph, 'Add', at, shift), extent)
    const above = choose(graph, compare(graph, 'Greater', at, extent - 1), combine(graph, 'Sub', at, shift), at)
    return clamped(graph, choose(graph, compare(graph, 'Less', at, 0), below, above), extent)
  }
  return mode === 'constant' ? at : clamped(graph, at, extent)
}

const transform = (graph: Graph, image: GraphValue, transforms: GraphValue, attributes: TransformAttributes) => {
  const { interpolation, fillMode, fillValue, outputShape } = attributes
  const [batch, height, width] = image.shape
  const [outHeight, outWidth] = outputShape ?? [height, width]
  const [y, x] = [counting(graph, outHeight, [outHeight, 1]), counting(graph, outWidth, [1, outWidth])]
  const number = (index: number) => columnOf(graph, transforms, index)
  const sum = (a: number, b: number, offset: GraphValue | number): GraphValue => {
    const turned = combine(graph, 'Add', combine(graph, 'Mul', number(a), x), combine(graph, 'Mul', number(b), y))
    return combine(graph, 'Add', turned, offset)
  }
  const projection = sum(6, 7, 1)
  const infinite = compare(graph, 'Equal', projection, 0)
  const divisor = choose(graph, infinite, graph.scalar('float32', 1), projection)
  const [column, row] = [
    broughtInside(graph, combine(graph, 'Div', sum(0, 1, number(2)), divisor), width, fillMode),
    broughtInside(graph, combine(graph, 'Div', sum(3, 4, number(5)), divisor), height, fillMode),
  ]
  const samples = Int32Array.from({ length: batch }, (_, index) => index)
  const sample = graph.constant('int32', [batch, 1, 1], samples)
  const found = sampled(graph, image, { sample, row, column }, interpolation, fillValue)
  return choose(graph, perChannel(graph, infinite), graph.scalar('float32', fillValue), found)
}

export const samplingKernels: readonly TraceKernel[] = [
  kernel<CropAttributes>('CropAndResize', (graph, inputs, attributes) => {
    const image = cast(graph, required(inputs, 'image'), 'float32')
    return cropAndResize(graph, image, required(inputs, 'boxes'), required(inputs, 'boxInd'), attributes)
  }),
  kernel<TransformAttributes>('Transform', (graph, inputs, attributes) =>
    transform(graph, required(inputs, 'image'), required(inputs, 'transforms'), attributes),
  ),
]
