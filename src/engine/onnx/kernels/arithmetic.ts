/** Kernels of two tensors, with broadcasting. */
import { binary } from '../broadcast.js'
import type { Graph, GraphValue } from '../graph.js'
import { cast, kernel, required, type TraceKernel } from '../kernel.js'
import { joinPadded } from '../padding.js'
import { apply, choose, combine, compare } from './compose.js'

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

/** The angle of the point (b, a): the arc tangent of a / b, half a turn on where b is negative. */
const angle = (graph: Graph, a: GraphValue, b: GraphValue): GraphValue => {
  const quotient = combine(graph, 'Div', a, b)
  const halfTurn = choose(graph, compare(graph, 'Less', a, 0), graph.scalar('float32', -Math.PI), Math.PI)
  const turned = choose(graph, compare(graph, 'Less', b, 0), halfTurn, 0)
  const upright = combine(graph, 'Mul', apply(graph, 'Sign', a), Math.PI / 2)
  const slanted = combine(graph, 'Add', apply(graph, 'Atan', quotient), turned)
  return choose(graph, compare(graph, 'Equal', b, 0), upright, slanted)
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
  direct('BitwiseAnd', 'BitwiseAnd'),
  kernel('Atan2', (graph, inputs) =>
    angle(graph, cast(graph, required(inputs, 'a'), 'float32'), cast(graph, required(inputs, 'b'), 'float32')),
  ),
  kernel('EluGrad', (graph, inputs) => {
    const [dy, y] = [required(inputs, 'dy'), required(inputs, 'y')]
    return combine(graph, 'Mul', dy, combine(graph, 'Min', combine(graph, 'Add', y, 1), 1))
  }),
  kernel('AddN', (graph, inputs) => Object.values(inputs).reduce((sum, next) => add(graph, sum, next))),
  kernel('Select', (graph, inputs) => {
    const [then, otherwise] = [required(inputs, 't'), required(inputs, 'e')]
    const condition = required(inputs, 'condition')
    if (then.type !== 'bool') return choose(graph, condition, then, otherwise)
    const chosen = choose(graph, condition, cast(graph, then, 'int32'), cast(graph, otherwise, 'int32'))
    return cast(graph, chosen, 'bool')
  }),
]
