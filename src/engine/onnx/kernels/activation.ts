/** The activations that TensorFlow.js fuses into products and convolutions. */
import { binary } from '../broadcast.js'
import type { Graph, GraphValue } from '../graph.js'

export interface Activation {
  /** TensorFlow.js's name. */
  readonly name: string
  /** Slope below zero of a leaky ReLU. */
  readonly alpha?: number | undefined
  /** Slopes below zero of a PReLU. */
  readonly weights?: GraphValue | undefined
}

const operators: Readonly<Record<string, string>> = { relu: 'Relu', sigmoid: 'Sigmoid', elu: 'Elu' }

export const activate = (graph: Graph, x: GraphValue, { name, alpha, weights }: Activation): GraphValue => {
  switch (name) {
    case 'linear':
      return x
    case 'relu6':
      return binary(graph, 'Min', graph.node('Relu', [x], x), graph.scalar(x.type, 6), x.type)
    case 'leakyrelu':
      return graph.node('LeakyRelu', [x], x, { alpha: { float: alpha ?? 0.2 } })
    case 'prelu':
      if (weights === undefined) throw new Error('a prelu was given no slopes')
      return graph.node('PRelu', [x, weights], x)
    default: {
      const operator = operators[name]
      if (operator === undefined) throw new Error(`the fused activation ${name} cannot be traced`)
      return graph.node(operator, [x], x)
    }
  }
}
