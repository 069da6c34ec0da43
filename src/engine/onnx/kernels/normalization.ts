/** Batch normalisation with given statistics, and local response normalisation. */
import type { Graph, GraphValue } from '../graph.js'
import { kernel, required, type TraceKernel } from '../kernel.js'
import { axisMatrix, axisProduct } from './axis-product.js'
import { combine } from './compose.js'

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
