/** Kernels of one tensor, element by element. */
import type { ElementType, Graph, GraphValue } from '../graph.js'
import { cast, kernel, required, type TraceKernel } from '../kernel.js'
import { apply, choose, combine, compare } from './compose.js'

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
