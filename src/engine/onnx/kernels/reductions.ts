/**
 * Kernels that reduce axes: sums, means, extremes, softmax, running sums; and normalisation, by given statistics of a
 * batch or by the neighbouring channels.
 */
import type { Graph, GraphValue } from '../graph/graph.js'
import { binary, cast, combine, pad, reshape, slice } from '../graph/nodes.js'
import { axisMatrix, axisProduct } from './axis-product.js'
import { kernel, required, type TraceKernel } from './kernel.js'

/** Axes as TensorFlow.js gives them (one, several, none for all, negative from the end), sorted and non-negative. */
const axesOf = (axis: number | readonly number[] | null | undefined, rank: number): number[] => {
  const given = axis === null || axis === undefined ? Array.from({ length: rank }, (_, index) => index) : [axis].flat()
  return [...new Set(given.map((index) => (index < 0 ? index + rank : index)))].sort((one, other) => one - other)
}

const reduce = (graph: Graph, op: string, x: GraphValue, axes: readonly number[], keepDims: boolean): GraphValue => {
  const kept = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent))
  const shape = keepDims ? kept : x.shape.filter((_, axis) => !axes.includes(axis))
  // Reducing nothing, or axes of one element, leaves every value as it is.
  if (axes.every((axis) => x.shape[axis] === 1)) return reshape(graph, x, shape)
  const keepdims = { int: keepDims ? 1 : 0 }
  // Before operator set 18 only ReduceSum takes its axes as an input.
  if (graph.dialect === 'standard' && op !== 'ReduceSum') {
    return graph.node(op, [x], { shape, type: x.type }, { axes: { ints: axes }, keepdims })
  }
  return graph.node(op, [x, graph.integers(axes)], { shape, type: x.type }, { keepdims })
}

interface ReductionAttributes {
  readonly axis: number | number[] | null
  readonly keepDims: boolean
}

const numeric = (name: string, op: string): TraceKernel =>
  kernel<ReductionAttributes>(name, (graph, inputs, { axis, keepDims }) => {
    const x = required(inputs, 'x')
    const numbers = x.type === 'bool' ? cast(graph, x, 'int32') : x
    return reduce(graph, op, numbers, axesOf(axis, x.shape.length), keepDims)
  })

const extreme = (name: string, op: string): TraceKernel =>
  kernel<{ reductionIndices?: number | number[]; axis?: number | number[]; keepDims: boolean }>(
    name,
    (graph, inputs, attributes) => {
      const x = required(inputs, 'x')
      const axes = axesOf(attributes.reductionIndices ?? attributes.axis, x.shape.length)
      return reduce(graph, op, x, axes, attributes.keepDims)
    },
  )

/** All and Any: the least and the greatest of zeros and ones. */
const quantifier = (name: string, op: string): TraceKernel =>
  kernel<ReductionAttributes>(name, (graph, inputs, { axis, keepDims }) => {
    const x = cast(graph, required(inputs, 'x'), 'int32')
    return cast(graph, reduce(graph, op, x, axesOf(axis, x.shape.length), keepDims), 'bool')
  })

const argument = (name: string, op: string): TraceKernel =>
  kernel<{ axis: number }>(name, (graph, inputs, { axis }) => {
    const x = required(inputs, 'x')
    const [along] = axesOf(axis, x.shape.length)
    const found = graph.node(
      op,
      [x],
      { shape: x.shape.filter((_, index) => index !== along), type: 'int64' },
      { axis: { int: along }, keepdims: { int: 0 } },
    )
    return cast(graph, found, 'int32')
  })

interface RunningAttributes {
  readonly axis: number
  readonly exclusive: boolean
  readonly reverse: boolean
}

/** Moves the elements along an axis; ones come in. */
const shifted = (graph: Graph, x: GraphValue, axis: number, by: number, backwards: boolean): GraphValue => {
  const at = (start: number) => x.shape.map((_, index) => (index === axis ? start : 0))
  const kept = x.shape.map((extent, index) => (index === axis ? extent - by : extent))
  const part = slice(graph, x, at(backwards ? by : 0), kept)
  const around = x.shape.map((_, index): [number, number] => (index !== axis ? [0, 0] : backwards ? [0, by] : [by, 0]))
  return pad(graph, part, around, 1)
}

/** ONNX has no running product: products of 1, 2, 4, .. neighbours, each from the one before. */
const runningProduct = (graph: Graph, x: GraphValue, axis: number, attributes: RunningAttributes): GraphValue => {
  const { exclusive, reverse } = attributes
  const extent = x.shape[axis]
  let product = exclusive && extent > 0 ? shifted(graph, x, axis, 1, reverse) : x
  for (let by = 1; by < extent; by *= 2) {
    product = binary(graph, 'Mul', product, shifted(graph, product, axis, by, reverse), x.type)
  }
  return product
}

export const reductionKernels: readonly TraceKernel[] = [
  numeric('Sum', 'ReduceSum'),
  numeric('Prod', 'ReduceProd'),
  kernel<ReductionAttributes>('Mean', (graph, inputs, { axis, keepDims }) => {
    const x = cast(graph, required(inputs, 'x'), 'float32')
    return reduce(graph, 'ReduceMean', x, axesOf(axis, x.shape.length), keepDims)
  }),
  extreme('Max', 'ReduceMax'),
  extreme('Min', 'ReduceMin'),
  quantifier('All', 'ReduceMin'),
  quantifier('Any', 'ReduceMax'),
  argument('ArgMax', 'ArgMax'),
  argument('ArgMin', 'ArgMin'),
  kernel<{ dim: number }>('Softmax', (graph, inputs, { dim }) => {
    const x = cast(graph, required(inputs, 'logits'), 'float32')
    const [axis] = axesOf(dim, x.shape.length)
    return graph.node('Softmax', [x], x, { axis: { int: axis } })
  }),
  kernel<RunningAttributes>('Cumsum', (graph, inputs, attributes) => {
    const x = required(inputs, 'x')
    const [axis] = axesOf(attributes.axis, x.shape.length)
    return graph.node('CumSum', [x, graph.scalar('int64', axis)], x, {
      exclusive: { int: attributes.exclusive ? 1 : 0 },
      reverse: { int: attributes.reverse ? 1 : 0 },
    })
  }),
  kernel<RunningAttributes>('Cumprod', (graph, inputs, attributes) => {
    const x = required(inputs, 'x')
    const numbers = x.type === 'bool' ? cast(graph, x, 'int32') : x
    const [axis] = axesOf(attributes.axis, x.shape.length)
    return runningProduct(graph, numbers, axis, attributes)
  }),
]

interface ResponseAttributes {
  readonly depthRadius: number
  readonly bias: number
  readonly alpha: number
  readonly beta: number
}

/** Sums over the channels within the radius, each channel's own included. */
const neighbours = (graph: Graph, x: GraphValue, radius: number): GraphValue => {
  const channels = x.shape.at(-1)!
  const band = axisMatrix(channels, channels, (add) => {
    for (let row = 0; row < channels; row++) {
      const last = Math.min(channels - 1, row + radius)
      for (let column = Math.max(0, row - radius); column <= last; column++) add(row, column, 1)
    }
  })
  return axisProduct(graph, x, x.shape.length - 1, band)
}

/** `bias + alpha · Σ x²` over the neighbouring channels. */
const energy = (graph: Graph, x: GraphValue, { depthRadius, alpha, bias }: ResponseAttributes): GraphValue => {
  const sum = neighbours(graph, combine(graph, 'Mul', x, x), depthRadius)
  return combine(graph, 'Add', combine(graph, 'Mul', sum, alpha), bias)
}

export const normalizationKernels: readonly TraceKernel[] = [
  kernel<{ varianceEpsilon: number }>('FusedBatchNorm', (graph, inputs, { varianceEpsilon }) => {
    const [x, mean, variance] = [required(inputs, 'x'), required(inputs, 'mean'), required(inputs, 'variance')]
    const { scale, offset } = inputs
    const shifted = combine(graph, 'Add', variance, varianceEpsilon)
    const deviation = graph.node('Sqrt', [shifted], shifted)
    const factor = combine(graph, 'Div', scale ?? graph.scalar('float32', 1), deviation)
    const scaled = combine(graph, 'Mul', combine(graph, 'Sub', x, mean), factor)
    return offset === undefined ? scaled : combine(graph, 'Add', scaled, offset)
  }),
  kernel<ResponseAttributes>('LRN', (graph, inputs, attributes) => {
    const x = required(inputs, 'x')
    return combine(graph, 'Mul', x, combine(graph, 'Pow', energy(graph, x, attributes), -attributes.beta))
  }),
  kernel<ResponseAttributes>('LRNGrad', (graph, inputs, attributes) => {
    const [x, y, dy] = [required(inputs, 'x'), required(inputs, 'y'), required(inputs, 'dy')]
    const { alpha, beta, depthRadius } = attributes
    const norm = energy(graph, x, attributes)
    const direct = combine(graph, 'Mul', dy, combine(graph, 'Pow', norm, -beta))
    const shares = combine(graph, 'Div', combine(graph, 'Mul', y, dy), norm)
    const indirect = combine(graph, 'Mul', neighbours(graph, shares, depthRadius), x)
    return combine(graph, 'Sub', direct, combine(graph, 'Mul', indirect, 2 * alpha * beta))
  }),
]
