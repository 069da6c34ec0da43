/**
 * Operations of src/engine/operations.ts that are one kernel in a graph which others read. They have no gradient.
 */
import { combine } from '../graph/nodes.js'
import { kernel, required, type TraceKernel } from './kernel.js'

export const wholeKernels: readonly TraceKernel[] = [
  // Made of single operators it overflows in half precision: the square of what is far from the mean.
  kernel<{ epsilon: number }>('LayerNormalization', (graph, inputs, { epsilon }) => {
    const x = required(inputs, 'x')
    const attributes = { axis: { int: -1 }, epsilon: { float: epsilon } }
    return graph.node('LayerNormalization', [x, required(inputs, 'scale'), required(inputs, 'shift')], x, attributes)
  }),
  // In the form in which PyTorch exports it; the operator Gelu came with set 20.
  kernel('Gelu', (graph, inputs) => {
    const x = required(inputs, 'x')
    const erf = graph.node('Erf', [combine(graph, 'Div', x, Math.SQRT2)], x)
    return combine(graph, 'Mul', combine(graph, 'Mul', x, combine(graph, 'Add', erf, 1)), 0.5)
  }),
]
