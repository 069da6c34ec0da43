/** Kernels that read images `[batch, height, width, channels]` at positions that are computed. */
import { reshape } from '../broadcast.js'
import { type Graph, type GraphValue, sizeOf } from '../graph.js'
import { cast, kernel, required, type TraceKernel } from '../kernel.js'
import { apply, choose, combine, compare } from './compose.js'
import { slice } from './layout.js'

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
  const [, height, width, channels] = image.shape as [number, number, number, number]
  const [y, x] = [clamped(graph, row, height), clamped(graph, column, width)]
  const line = combine(graph, 'Add', combine(graph, 'Mul', sample, height), cast(graph, y, 'int32'))
  const index = combine(graph, 'Add', combine(graph, 'Mul', line, width), cast(graph, x, 'int32'))
  const flat = reshape(graph, image, [sizeOf(image.shape.slice(0, -1)), channels])
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
    return readAt(graph, image, { sample, row: y!, column: x! }, filling)
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
    return mixed(first!, second!, across)
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
  reshape(graph, slice(graph, table, [0, index], [table.shape[0]!, 1]), [table.shape[0]!, 1, 1])

interface CropAttributes {
  readonly cropSize: readonly [number, number]
  readonly method: Interpolation
  readonly extrapolationValue: number
}

const cropAndResize = (graph: Graph, image: GraphValue, boxes: GraphValue, of: GraphValue, crop: CropAttributes) => {
  const { cropSize, method, extrapolationValue } = crop
  const sample = reshape(graph, cast(graph, of, 'int32'), [boxes.shape[0]!, 1, 1])
  // From the box's one edge to its other, or its middle where one line is asked for.
  const along = (axis: 0 | 1): GraphValue => {
    const [count, last] = [cropSize[axis], image.shape[axis + 1]! - 1]
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
  const inside = combine(graph, 'And', within(graph, row, image.shape[1]!), within(graph, column, image.shape[2]!))
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
  const [batch, height, width] = image.shape as [number, number, number, number]
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
