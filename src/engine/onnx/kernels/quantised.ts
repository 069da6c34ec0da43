/** Products with weights in 8 bits, as ONNX Runtime runs them fastest on a CPU. */
import { type Graph, type GraphValue, nodeOf } from '../graph/graph.js'
import { cast, combine } from '../graph/nodes.js'

interface Rows {
  /** Of the weight that they are of, and which of its rows where they are not all. */
  readonly name: string
  readonly rows: number
  readonly inner: number
  readonly elements: Float32Array
}

const integersIn = ({ origin }: GraphValue): readonly number[] =>
  origin.kind === 'constant'
    ? 'elements' in origin.content
      ? Array.from(origin.content.elements, Number)
      : [origin.content.uniform]
    : []

/** The matrix `[rows, inner]` where it is a weight, or whole rows of one; undefined of anything else. */
const weightRows = (value: GraphValue): Rows | undefined => {
  const { origin, shape } = value
  const [rows, inner] = shape
  if (origin.kind === 'constant') {
    if (origin.name === undefined || !('elements' in origin.content) || shape.length !== 2) return undefined
    return { name: origin.name, rows, inner, elements: origin.content.elements as Float32Array }
  }
  const [source, starts, , axes] = nodeOf(value, 'Slice')?.inputs ?? []
  const whole = source === undefined ? undefined : weightRows(source)
  if (whole === undefined || String(integersIn(axes)) !== '0') return undefined
  const [start] = integersIn(starts)
  const elements = whole.elements.subarray(start * inner, (start + rows) * inner)
  return { name: `${whole.name}[${start}:${start + rows}]`, rows, inner, elements }
}

/**
 * The largest value of a weight in steps. With 127 the sum of two products with bytes of x would not fit the 16 bits in
 * which processors without VNNI add them up: they would saturate, and the result be wrong.
 */
const MOST_STEPS = 64

/** By row, the step by which the most steps reach its largest value; 1 where all are zero. */
const stepsOf = ({ rows, inner, elements }: Rows): Float32Array =>
  Float32Array.from({ length: rows }, (_, row) => {
    const largest = elements
      .subarray(row * inner, (row + 1) * inner)
      .reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    return largest === 0 ? 1 : largest / MOST_STEPS
  })

/**
 * `x · weightᵀ + bias` with x `[n, inner]`, whose range is measured at every call, and a weight `[out, inner]` that has
 * a step of its own for each of its outputs; undefined where the weight is computed.
 */
export const quantisedProduct = (
  graph: Graph,
  x: GraphValue,
  weight: GraphValue,
  bias: GraphValue | undefined,
): GraphValue | undefined => {
  const found = weightRows(weight)
  if (found === undefined) return undefined
  const { name, rows, inner, elements } = found
  const steps = stepsOf(found)
  // MatMulInteger takes no transposed matrix.
  const quantised = new Int8Array(inner * rows)
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < inner; at++) {
      quantised[at * rows + row] = Math.round(elements[row * inner + at] / steps[row])
    }
  }
  const [bytes, step, zero] = graph.nodes(
    'DynamicQuantizeLinear',
    [x],
    [
      { shape: x.shape, type: 'uint8' },
      { shape: [], type: 'float32' },
      { shape: [], type: 'uint8' },
    ],
  )
  const matrix = graph.named(`${name}_quantized`, 'int8', [inner, rows], quantised)
  const scale = graph.named(`${name}_scale`, 'float32', [rows], steps)
  const product = graph.node('MatMulInteger', [bytes, matrix, zero], { shape: [x.shape[0], rows], type: 'int32' })
  const scaled = combine(graph, 'Mul', cast(graph, product, 'float32'), combine(graph, 'Mul', scale, step))
  return bias === undefined ? scaled : combine(graph, 'Add', scaled, bias)
}
