/** Matrix products. */
import { binary, broadcastShape, reshape } from '../broadcast.js'
import { type Graph, type GraphValue, nodeOf, sizeOf } from '../graph.js'
import { cast, kernel, required, type TraceKernel } from '../kernel.js'

interface Factor {
  readonly value: GraphValue
  readonly transposed: boolean
}

const matrixShape = (value: GraphValue): readonly [number, number] => [value.shape.at(-2)!, value.shape.at(-1)!]

const batchOf = (value: GraphValue): readonly number[] => value.shape.slice(0, -2)

/** Takes a swap of the last two axes into the product itself. */
const folded = ({ value, transposed }: Factor): Factor => {
  const node = nodeOf(value, 'Transpose')
  const perm = node?.attributes['perm']
  if (node === undefined || perm === undefined || !('ints' in perm)) return { value, transposed }
  const rank = perm.ints.length
  const swapped = perm.ints.every((axis, index) => {
    const expected = index === rank - 2 ? rank - 1 : index === rank - 1 ? rank - 2 : index
    return axis === expected
  })
  return swapped ? { value: node.inputs[0]!, transposed: !transposed } : { value, transposed }
}

/** A product of two matrices, with an optional row added to every row of the result. */
const gemm = (graph: Graph, a: Factor, b: Factor, bias?: GraphValue): GraphValue => {
  const rows = matrixShape(a.value)[a.transposed ? 1 : 0]
  const columns = matrixShape(b.value)[b.transposed ? 0 : 1]
  return graph.node(
    'Gemm',
    bias === undefined ? [a.value, b.value] : [a.value, b.value, bias],
    { shape: [rows, columns], type: 'float32' },
    { transA: { int: a.transposed ? 1 : 0 }, transB: { int: b.transposed ? 1 : 0 } },
  )
}

const asMatrix = (graph: Graph, value: GraphValue): GraphValue =>
  reshape(graph, value, [sizeOf(value.shape.slice(0, -1)), value.shape.at(-1)!])

/** The product over the last two axes, all axes before broadcast; a bias of the result's last axis may be added. */
const multiply = (graph: Graph, left: Factor, right: Factor, bias?: GraphValue): GraphValue => {
  const [a, b] = [folded(left), folded(right)]
  const batch = broadcastShape(batchOf(a.value), batchOf(b.value))
  const rows = matrixShape(a.value)[a.transposed ? 1 : 0]
  const columns = matrixShape(b.value)[b.transposed ? 0 : 1]
  const shape = [...batch, rows, columns]
  const oneOnTheRight = sizeOf(batchOf(b.value)) === 1
  if (oneOnTheRight && (!a.transposed || sizeOf(batch) === 1)) {
    const product = gemm(
      graph,
      { ...a, value: asMatrix(graph, a.value) },
      { ...b, value: asMatrix(graph, b.value) },
      bias,
    )
    return reshape(graph, product, shape)
  }
  const product =
    a.transposed || b.transposed
      ? graph.node(
          'FusedMatMul',
          [a.value, b.value],
          { shape, type: 'float32' },
          { transA: { int: a.transposed ? 1 : 0 }, transB: { int: b.transposed ? 1 : 0 } },
          'com.microsoft',
        )
      : graph.node('MatMul', [a.value, b.value], { shape, type: 'float32' })
  return bias === undefined ? product : binary(graph, 'Add', product, bias, 'float32')
}

interface ProductAttributes {
  readonly transposeA: boolean
  readonly transposeB: boolean
}

/** Integer products go by way of floats, exact below 2²⁴. */
const product = (
  graph: Graph,
  a: GraphValue,
  b: GraphValue,
  { transposeA, transposeB }: ProductAttributes,
  bias?: GraphValue,
): GraphValue => {
  const left = { value: cast(graph, a, 'float32'), transposed: transposeA }
  const right = { value: cast(graph, b, 'float32'), transposed: transposeB }
  return cast(graph, multiply(graph, left, right, bias), a.type)
}

/** Activations that TensorFlow.js fuses into products, as ONNX operators. */
const activations: Readonly<Record<string, string>> = {
  relu: 'Relu',
  sigmoid: 'Sigmoid',
  elu: 'Elu',
}

export const productKernels: readonly TraceKernel[] = [
  kernel<ProductAttributes>('BatchMatMul', (graph, inputs, attributes) =>
    product(graph, required(inputs, 'a'), required(inputs, 'b'), attributes),
  ),
  kernel<ProductAttributes & { activation: string }>('_FusedMatMul', (graph, inputs, attributes) => {
    const result = product(graph, required(inputs, 'a'), required(inputs, 'b'), attributes, inputs['bias'])
    const { activation } = attributes
    if (activation === 'linear') return result
    if (activation === 'relu6') {
      return binary(graph, 'Min', graph.node('Relu', [result], result), graph.scalar(result.type, 6), result.type)
    }
    const op = activations[activation]
    if (op === undefined) throw new Error(`a product with the activation ${activation} cannot be traced`)
    return graph.node(op, [result], result)
  }),
]
