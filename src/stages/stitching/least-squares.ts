/** Linear least squares with a bias, in double precision. */
import { leastNormSolver, type Column } from './householder.js'

export interface LeastSquaresSolution {
  /** `[outputs, inputs]`, as a Linear layer stores it. */
  readonly weight: Float32Array
  /** `[outputs]` */
  readonly bias: Float32Array
  /** Mean over all elements of the squared difference `x·Wᵀ + b − y`, before rounding to single precision. */
  readonly residual: number
}

const column = (values: ArrayLike<number>, rows: number, width: number, index: number): Column =>
  Float64Array.from({ length: rows }, (_, row) => values[row * width + index])

/**
 * The W and b that minimise |x·Wᵀ + b − y|², of least norm where several do (docs/method.md, section 4, `leastSquares`).
 *
 * @param x `[rows, inputs]`, row-major. Directions weaker than the rounding of its own precision count as none.
 * @param y `[rows, outputs]`, row-major.
 * @throws RangeError when a length does not fit or a value is not finite.
 */
export const leastSquares = (
  x: Float32Array | Float64Array,
  rows: number,
  inputs: number,
  y: Float32Array | Float64Array,
  outputs: number,
): LeastSquaresSolution => {
  if (rows < 1 || x.length !== rows * inputs || y.length !== rows * outputs) {
    throw new RangeError(
      `least squares: ${x.length} and ${y.length} values are not [${rows}, ${inputs}] and [${rows}, ${outputs}]`,
    )
  }
  if (!x.every(Number.isFinite) || !y.every(Number.isFinite)) {
    throw new RangeError('least squares: a value is not finite')
  }
  const width = inputs + 1
  const epsilon = x instanceof Float32Array ? 2 ** -23 : 2 ** -52
  const design = Array.from({ length: inputs }, (_, index) => column(x, rows, inputs, index))
  const solve = leastNormSolver([...design, new Float64Array(rows).fill(1)], width * epsilon)

  const weight = new Float32Array(outputs * inputs)
  const bias = new Float32Array(outputs)
  let squares = 0
  for (let output = 0; output < outputs; output++) {
    const { solution, residual } = solve(column(y, rows, outputs, output))
    squares += residual
    weight.set(solution.subarray(0, inputs), output * inputs)
    bias[output] = solution[inputs]
  }
  return { weight, bias, residual: squares / (rows * outputs) }
}
