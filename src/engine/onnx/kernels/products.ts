/** Matrix products, and sums of products by their indices' names (Einsum). */
import { sizeOfShape } from '../../host-values.js'
import { type Graph, type GraphValue, nodeOf, uniformOf } from '../graph/graph.js'
import { binary, broadcastShape, cast, combine, reshape, transpose } from '../graph/nodes.js'
import { activate } from './elementwise.js'
import { kernel, required, type TraceKernel } from './kernel.js'
import { quantisedProduct } from './quantised.js'

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
  return swapped ? { value: node.inputs[0], transposed: !transposed } : { value, transposed }
}

/** With the swap as a node of its own. */
const unfolded =
  (graph: Graph) =>
  ({ value, transposed }: Factor): GraphValue => {
    const last = value.shape.length - 1
    const swapped = value.shape.map((_, axis) => (axis < last - 1 ? axis : 2 * last - 1 - axis))
    return transposed ? transpose(graph, value, swapped) : value
  }

/** A tensor without the one number that it was multiplied by: products scale their result at no cost. */
const unscaled = (value: GraphValue): { readonly value: GraphValue; readonly scale: number } => {
  const [left, right] = nodeOf(value, 'Mul')?.inputs ?? []
  if (left === undefined || right === undefined) return { value, scale: 1 }
  for (const [factor, rest] of [
    [left, right],
    [right, left],
  ] as const) {
    const scale = uniformOf(factor)
    if (scale !== undefined && String(rest.shape) === String(value.shape)) return { value: rest, scale }
  }
  return { value, scale: 1 }
}

/** `scale` times a product of two matrices, with an optional row added to every row of the result. */
const gemm = (graph: Graph, a: Factor, b: Factor, scale: number, bias?: GraphValue): GraphValue => {
  const rows = matrixShape(a.value)[a.transposed ? 1 : 0]
  const columns = matrixShape(b.value)[b.transposed ? 0 : 1]
  return graph.node(
    'Gemm',
    bias === undefined ? [a.value, b.value] : [a.value, b.value, bias],
    { shape: [rows, columns], type: 'float32' },
    { alpha: { float: scale }, transA: { int: a.transposed ? 1 : 0 }, transB: { int: b.transposed ? 1 : 0 } },
  )
}

const asMatrix = (graph: Graph, value: GraphValue): GraphValue =>
  reshape(graph, value, [sizeOfShape(value.shape.slice(0, -1)), value.shape.at(-1)!])

/** The product over the last two axes, all axes before broadcast; a bias of the result's last axis may be added. */
const multiply = (graph: Graph, left: Factor, right: Factor, bias?: GraphValue): GraphValue => {
  const [plainLeft, plainRight] = [unscaled(left.value), unscaled(right.value)]
  const scale = plainLeft.scale * plainRight.scale
  const [a, b] = [folded({ ...left, ...plainLeft }), folded({ ...right, ...plainRight })]
  const batch = broadcastShape(batchOf(a.value), batchOf(b.value))
  const rows = matrixShape(a.value)[a.transposed ? 1 : 0]
  const columns = matrixShape(b.value)[b.transposed ? 0 : 1]
  const shape = [...batch, rows, columns]
  const oneOnTheRight = sizeOfShape(batchOf(b.value)) === 1
  if (oneOnTheRight && (!a.transposed || sizeOfShape(batch) === 1)) {
    const inBytes =
      graph.precision === 'int8' && scale === 1 && !a.transposed && b.transposed
        ? quantisedProduct(graph, asMatrix(graph, a.value), asMatrix(graph, b.value), bias)
        : undefined
    if (inBytes !== undefined) return reshape(graph, inBytes, shape)
    const product = gemm(
      graph,
      { ...a, value: asMatrix(graph, a.value) },
      { ...b, value: asMatrix(graph, b.value) },
      scale,
      bias,
    )
    return reshape(graph, product, shape)
  }
  if (graph.dialect === 'standard') {
    const factors = [{ ...a, value: combine(graph, 'Mul', a.value, scale) }, b].map(unfolded(graph))
    const plain = graph.node('MatMul', factors, { shape, type: 'float32' })
    return bias === undefined ? plain : binary(graph, 'Add', plain, bias, 'float32')
  }
  const product =
    a.transposed || b.transposed || scale !== 1
      ? graph.node(
          'FusedMatMul',
          [a.value, b.value],
          { shape, type: 'float32' },
          { alpha: { float: scale }, transA: { int: a.transposed ? 1 : 0 }, transB: { int: b.transposed ? 1 : 0 } },
          'com.microsoft',
        )
      : graph.node('MatMul', [a.value, b.value], { shape, type: 'float32' })
  return bias === undefined ? product : binary(graph, 'Add', product, bias, 'float32')
}

interface ProductAttributes {
  readonly transposeA: boolean
  readonly transposeB: boolean
}

interface FusedAttributes extends ProductAttributes {
  readonly activation: string
  readonly leakyreluAlpha?: number
}

/** Integer products go by way of floats, exact below 2²⁴. */
const product = (
  graph: Graph,
  a: GraphValue,
  b: GraphValue,
  { transposeA, transposeB }: ProductAttributes,
  bias?: GraphValue,
): GraphValue => {
  const inner = [a.shape.at(transposeA ? -2 : -1), b.shape.at(transposeB ? -1 : -2)]
  if (inner[0] !== inner[1]) {
    throw new Error(
      `matrices of the shapes [${a.shape}] and [${b.shape}] do not multiply: ${inner[0]} is not ${inner[1]}`,
    )
  }
  const left = { value: cast(graph, a, 'float32'), transposed: transposeA }
  const right = { value: cast(graph, b, 'float32'), transposed: transposeB }
  return cast(graph, multiply(graph, left, right, bias), a.type)
}

export const productKernels: readonly TraceKernel[] = [
  kernel<ProductAttributes>('BatchMatMul', (graph, inputs, attributes) =>
    product(graph, required(inputs, 'a'), required(inputs, 'b'), attributes),
  ),
  kernel<FusedAttributes>('_FusedMatMul', (graph, inputs, attributes) => {
    const result = product(graph, required(inputs, 'a'), required(inputs, 'b'), attributes, inputs['bias'])
    const weights = inputs['preluActivationWeights']
    return activate(graph, result, { name: attributes.activation, alpha: attributes.leakyreluAlpha, weights })
  }),
]

export const einsumKernels: readonly TraceKernel[] = [
  kernel<{ equation: string }>('Einsum', (graph, inputs, attributes) => {
    const factors = Object.values(inputs)
    const equation = attributes.equation.replaceAll(/\s/g, '')
    const [given, made] = equation.split('->')
    const extents = new Map<string, number>()
    given
      .split(',')
      .forEach((names, factor) => [...names].forEach((name, axis) => extents.set(name, factors[factor].shape[axis])))
    const shape = [...made].map((name) => extents.get(name)!)
    return graph.node('Einsum', factors, { shape, type: factors[0].type }, { equation: { text: equation } })
  }),
]
