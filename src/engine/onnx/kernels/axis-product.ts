/** Linear maps along one axis: what resizing, averaging and sums over neighbours are. */
import { reshape } from '../graph/nodes.js'
import type { Graph, GraphValue } from '../graph/graph.js'
import { sizeOfShape } from '../../host-values.js'

/** A constant matrix, row by row. */
export interface AxisMatrix {
  readonly rows: number
  readonly columns: number
  readonly elements: Float32Array
}

/** `entry` gives the elements; those that are not named are zero. */
export const axisMatrix = (
  rows: number,
  columns: number,
  write: (add: (row: number, column: number, amount: number) => void) => void,
): AxisMatrix => {
  const elements = new Float32Array(rows * columns)
  write((row, column, amount) => {
    elements[row * columns + column] += amount
  })
  return { rows, columns, elements }
}

export const transposedMatrix = ({ rows, columns, elements }: AxisMatrix): AxisMatrix =>
  axisMatrix(columns, rows, (add) =>
    elements.forEach((amount, at) => add(at % columns, Math.floor(at / columns), amount)),
  )

const isIdentity = ({ rows, columns, elements }: AxisMatrix): boolean =>
  rows === columns && elements.every((amount, at) => amount === (at % columns === Math.floor(at / columns) ? 1 : 0))

/** Each line of x along the axis times the matrix: the axis has the matrix's columns before, its rows afterwards. */
export const axisProduct = (graph: Graph, x: GraphValue, axis: number, matrix: AxisMatrix): GraphValue => {
  if (isIdentity(matrix)) return x
  const outer = sizeOfShape(x.shape.slice(0, axis))
  const inner = sizeOfShape(x.shape.slice(axis + 1))
  const shape = [...x.shape.slice(0, axis), matrix.rows, ...x.shape.slice(axis + 1)]
  if (inner === 1) {
    const { rows, columns, elements } = transposedMatrix(matrix)
    const factor = graph.constant('float32', [rows, columns], elements)
    const lines = reshape(graph, x, [outer, rows])
    return reshape(graph, graph.node('MatMul', [lines, factor], { shape: [outer, columns], type: 'float32' }), shape)
  }
  const factor = graph.constant('float32', [matrix.rows, matrix.columns], matrix.elements)
  const planes = outer === 1 ? [matrix.columns, inner] : [outer, matrix.columns, inner]
  const made = outer === 1 ? [matrix.rows, inner] : [outer, matrix.rows, inner]
  const product = graph.node('MatMul', [factor, reshape(graph, x, planes)], { shape: made, type: 'float32' })
  return reshape(graph, product, shape)
}

/** Takes these positions along an axis. */
export const gatherAxis = (graph: Graph, x: GraphValue, axis: number, positions: readonly number[]): GraphValue => {
  if (positions.length === x.shape[axis] && positions.every((position, index) => position === index)) return x
  const indices = graph.constant('int32', [positions.length], Int32Array.from(positions))
  const shape = x.shape.map((extent, index) => (index === axis ? positions.length : extent))
  return graph.node('Gather', [x, indices], { shape, type: x.type }, { axis: { int: axis } })
}
