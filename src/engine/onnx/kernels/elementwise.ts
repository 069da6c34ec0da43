/**
 * Kernels that compute element by element: of one tensor, of two with broadcasting, and the activations fused into
 * others.
 */
import type { ElementType, Graph, GraphValue } from '../graph/graph.js'
import { apply, binary, cast, choose, combine, compare, joinPadded } from '../graph/nodes.js'
import { kernel, required, type TraceKernel } from './kernel.js'

/** An activation that TensorFlow.js fuses into products and convolutions. */
interface Activation {
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

/** Kernels that are one ONNX operator of the same type. */
const same: Readonly<Record<string, string>> = {
  Abs: 'Abs',
  Neg: 'Neg',
  Sign: 'Sign',
  Relu: 'Relu',
}

/** Kernels that are one ONNX operator on floats. */
const floating: Readonly<Record<string, string>> = {
  Exp: 'Exp',
  Log: 'Log',
  Sqrt: 'Sqrt',
  Reciprocal: 'Reciprocal',
  Erf: 'Erf',
  Sigmoid: 'Sigmoid',
  Tanh: 'Tanh',
  Softplus: 'Softplus',
  Elu: 'Elu',
  Selu: 'Selu',
  Sin: 'Sin',
  Cos: 'Cos',
  Tan: 'Tan',
  Asin: 'Asin',
  Acos: 'Acos',
  Atan: 'Atan',
  Sinh: 'Sinh',
  Cosh: 'Cosh',
  Asinh: 'Asinh',
  Acosh: 'Acosh',
  Atanh: 'Atanh',
}

/** Kernels that leave integers as they are. */
const rounding: Readonly<Record<string, string>> = { Floor: 'Floor', Ceil: 'Ceil', Round: 'Round' }

const float = (name: string, trace: (graph: Graph, x: GraphValue) => GraphValue): TraceKernel =>
  kernel(name, (graph, inputs) => trace(graph, cast(graph, required(inputs, 'x'), 'float32')))

const elementTypeOf = (dtype: string): ElementType => (dtype === 'int32' || dtype === 'bool' ? dtype : 'float32')

export const elementwiseKernels: readonly TraceKernel[] = [
  ...Object.entries(same).map(([name, op]) => kernel(name, (graph, inputs) => apply(graph, op, required(inputs, 'x')))),
  ...Object.entries(floating).map(([name, op]) => float(name, (graph, x) => apply(graph, op, x))),
  ...Object.entries(rounding).map(([name, op]) =>
    kernel(name, (graph, inputs) => {
      const x = required(inputs, 'x')
      return x.type === 'float32' ? apply(graph, op, x) : x
    }),
  ),
  float('Rsqrt', (graph, x) => apply(graph, 'Reciprocal', apply(graph, 'Sqrt', x))),
  // e^x − 1 = tanh(x/2)·(e^x + 1), exact near zero too.
  float('Expm1', (graph, x) =>
    combine(
      graph,
      'Mul',
      apply(graph, 'Tanh', combine(graph, 'Mul', x, 0.5)),
      combine(graph, 'Add', apply(graph, 'Exp', x), 1),
    ),
  ),
  // Kahan's form: log(1 + x) = x·log(u)/(u − 1) with u = 1 + x as rounded; x itself where u is 1.
  float('Log1p', (graph, x) => {
    const u = combine(graph, 'Add', x, 1)
    const offset = combine(graph, 'Sub', u, 1)
    const tiny = compare(graph, 'Equal', offset, 0)
    const ratio = combine(graph, 'Div', x, choose(graph, tiny, graph.scalar('float32', 1), offset))
    return choose(graph, tiny, x, combine(graph, 'Mul', apply(graph, 'Log', u), ratio))
  }),
  kernel('Square', (graph, inputs) => combine(graph, 'Mul', required(inputs, 'x'), required(inputs, 'x'))),
  float('Relu6', (graph, x) => combine(graph, 'Min', apply(graph, 'Relu', x), 6)),
  kernel<{ alpha: number }>('LeakyRelu', (graph, inputs, { alpha }) =>
    apply(graph, 'LeakyRelu', cast(graph, required(inputs, 'x'), 'float32'), { alpha: { float: alpha } }),
  ),
  kernel<{ alpha: number }>('Step', (graph, inputs, { alpha }) => {
    const x = required(inputs, 'x')
    const above = compare(graph, 'Greater', x, 0)
    // Every ReLU's gradient; what is no number counts as not above zero.
    if (alpha === 0) return cast(graph, above, x.type)
    const stepped = choose(graph, above, graph.scalar(x.type, 1), graph.scalar(x.type, alpha))
    return x.type === 'float32'
      ? choose(graph, graph.node('IsNaN', [x], { shape: x.shape, type: 'bool' }), x, stepped)
      : stepped
  }),
  kernel<{ clipValueMin: number; clipValueMax: number }>('ClipByValue', (graph, inputs, attributes) => {
    const atLeast = combine(graph, 'Max', required(inputs, 'x'), attributes.clipValueMin)
    return combine(graph, 'Min', atLeast, attributes.clipValueMax)
  }),
  kernel('IsNan', (graph, inputs) => {
    const x = cast(graph, required(inputs, 'x'), 'float32')
    return graph.node('IsNaN', [x], { shape: x.shape, type: 'bool' })
  }),
  kernel('IsInf', (graph, inputs) => {
    const x = cast(graph, required(inputs, 'x'), 'float32')
    return graph.node('IsInf', [x], { shape: x.shape, type: 'bool' })
  }),
  // Finite is what differs from itself by zero.
  kernel('IsFinite', (graph, inputs) => {
    const x = cast(graph, required(inputs, 'x'), 'float32')
    return compare(graph, 'Equal', combine(graph, 'Sub', x, x), 0)
  }),
  kernel<{ dtype: string }>('Cast', (graph, inputs, { dtype }) =>
    cast(graph, required(inputs, 'x'), elementTypeOf(dtype)),
  ),
  kernel('Identity', (_graph, inputs) => required(inputs, 'x')),
  kernel('ZerosLike', (graph, inputs) => graph.uniform(required(inputs, 'x').type, required(inputs, 'x').shape, 0)),
  kernel('OnesLike', (graph, inputs) => graph.uniform(required(inputs, 'x').type, required(inputs, 'x').shape, 1)),
]

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
