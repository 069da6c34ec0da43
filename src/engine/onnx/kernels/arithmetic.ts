/** Kernels of two tensors, with broadcasting. */
import { binary, broadcastShape, expand } from '../broadcast.js'
import type { Graph, GraphValue } from '../graph.js'
import { cast, kernel, required, type TraceKernel } from '../kernel.js'
import { joinPadded } from '../padding.js'

/** One ONNX operator whose result has the operands' type. */
const direct = (name: string, op: string): TraceKernel =>
  kernel(name, (graph, inputs) => {
    const a = required(inputs, 'a')
    return binary(graph, op, a, required(inputs, 'b'), a.type)
  })

/** A comparison or a logical operation: the result is bool. */
const predicate = (name: string, op: string): TraceKernel =>
  kernel(name, (graph, inputs) => binary(graph, op, required(inputs, 'a'), required(inputs, 'b'), 'bool'))

const add = (graph: Graph, a: GraphValue, b: GraphValue): GraphValue =>
  joinPadded(graph, a, b) ?? binary(graph, 'Add', a, b, a.type)

const not = (graph: Graph, value: GraphValue): GraphValue =>
  graph.node('Not', [value], { shape: value.shape, type: 'bool' })

/** Remainder with the sign of the divisor. ONNX has that for integers; for floats its remainder has the dividend's. */
const modulo = (graph: Graph, a: GraphValue, b: GraphValue): GraphValue => {
  if (a.type !== 'float32') return binary(graph, 'Mod', a, b, a.type)
  const remainder = binary(graph, 'Mod', a, b, a.type, { fmod: { int: 1 } })
  return binary(graph, 'Mod', binary(graph, 'Add', remainder, b, a.type), b, a.type, { fmod: { int: 1 } })
}

const floorDivide = (graph: Graph, a: GraphValue, b: GraphValue): GraphValue => {
  if (a.type === 'float32') {
    const quotient = binary(graph, 'Div', a, b, a.type)
    // TensorFlow.js gives whole quotients of floats as integers.
    return cast(graph, graph.node('Floor', [quotient], quotient), 'int32')
  }
  return binary(graph, 'Div', binary(graph, 'Sub', a, modulo(graph, a, b), a.type), b, a.type)
}

export const arithmeticKernels: readonly TraceKernel[] = [
  kernel('Add', (graph, inputs) => add(graph, required(inputs, 'a'), required(inputs, 'b'))),
  direct('Sub', 'Sub'),
  direct('Multiply', 'Mul'),
  direct('Maximum', 'Max'),
  direct('Minimum', 'Min'),
  direct('Pow', 'Pow'),
  predicate('Equal', 'Equal'),
  predicate('Greater', 'Greater'),
  predicate('GreaterEqual', 'GreaterOrEqual'),
  predicate('Less', 'Less'),
  predicate('LessEqual', 'LessOrEqual'),
  predicate('LogicalAnd', 'And'),
  predicate('LogicalOr', 'Or'),
  predicate('LogicalXor', 'Xor'),
  kernel('NotEqual', (graph, inputs) =>
    not(graph, binary(graph, 'Equal', required(inputs, 'a'), required(inputs, 'b'), 'bool')),
  ),
  kernel('LogicalNot', (graph, inputs) => not(graph, required(inputs, 'x'))),
  kernel('RealDiv', (graph, inputs) => {
    const [a, b] = [cast(graph, required(inputs, 'a'), 'float32'), cast(graph, required(inputs, 'b'), 'float32')]
    return binary(graph, 'Div', a, b, 'float32')
  }),
  kernel('FloorDiv', (graph, inputs) => floorDivide(graph, required(inputs, 'a'), required(inputs, 'b'))),
  kernel('Mod', (graph, inputs) => modulo(graph, required(inputs, 'a'), required(inputs, 'b'))),
  kernel('Prelu', (graph, inputs) => {
    const x = required(inputs, 'x')
    return graph.node('PRelu', [x, required(inputs, 'alpha')], x)
  }),
  kernel('SquaredDifference', (graph, inputs) => {
    const a = required(inputs, 'a')
    const difference = binary(graph, 'Sub', a, required(inputs, 'b'), a.type)
    return binary(graph, 'Mul', difference, difference, a.type)
  }),
  kernel('AddN', (graph, inputs) => Object.values(inputs).reduce((sum, next) => add(graph, sum, next))),
  kernel('Select', (graph, inputs) => {
    const [then, otherwise] = [required(inputs, 't'), required(inputs, 'e')]
    const condition = required(inputs, 'condition')
    const shape = broadcastShape(condition.shape, broadcastShape(then.shape, otherwise.shape))
    if (then.type !== 'bool') return graph.node('Where', [condition, then, otherwise], { shape, type: then.type })
    const chosen = graph.node('Where', [condition, cast(graph, then, 'int32'), cast(graph, otherwise, 'int32')], {
      shape,
      type: 'int32',
    })
    return cast(graph, chosen, 'bool')
  }),
  kernel<{ shape: number[] }>('BroadcastTo', (graph, inputs, { shape }) => expand(graph, required(inputs, 'x'), shape)),
]
