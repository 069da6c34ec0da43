/**
 * Linear least squares in double precision: Householder QR with column pivoting, then a second factorisation of the
 * rows that are left, which gives the solution of least norm where columns depend on one another (a complete orthogonal
 * decomposition; Golub and Van Loan, Matrix Computations, 4th ed., sections 5.4–5.5).
 */

/** A column of a matrix. */
type Column = Float64Array

const dot = (a: Column, b: Column, from: number): number => {
  let sum = 0
  for (let row = from; row < a.length; row++) sum += a[row] * b[row]
  return sum
}

const squaredNorm = (column: Column, from: number): number => dot(column, column, from)

/** Applies I − factor·v·vᵀ to a column; v starts at row `from`. */
const reflect = (v: Column, factor: number, column: Column, from: number): void => {
  const scale = factor * dot(v, column, from)
  for (let row = from; row < column.length; row++) column[row] -= scale * v[row]
}

/**
 * A matrix turned into R (`diagonal`, and above it the columns themselves) by reflections, which are kept below the
 * diagonal.
 */
interface Factors {
  /** Column k holds R's entries in rows < k and the k-th Householder vector in rows ≥ k. */
  readonly columns: readonly Column[]
  readonly diagonal: Float64Array
  readonly factors: Float64Array
  /** Which column of the input each column was. */
  readonly order: Int32Array
  readonly rank: number
}

/**
 * Householder QR of a matrix given by its columns, which are overwritten. Stops where the columns that are left are
 * negligible.
 */
const factorise = (input: Column[], tolerance: number): Factors => {
  const columns = [...input]
  const height = columns[0].length
  const steps = Math.min(height, columns.length)
  const diagonal = new Float64Array(steps)
  const factors = new Float64Array(steps)
  const order = Int32Array.from(columns, (_, index) => index)
  const norms = Float64Array.from(columns, (column) => squaredNorm(column, 0))
  const negligible = Math.max(...norms) * tolerance ** 2

  for (let step = 0; step < steps; step++) {
    let pivot = step
    for (let other = step + 1; other < columns.length; other++) if (norms[other] > norms[pivot]) pivot = other
    if (norms[pivot] <= negligible) return { columns, diagonal, factors, order, rank: step }
    ;[columns[step], columns[pivot]] = [columns[pivot], columns[step]]
    ;[norms[step], norms[pivot]] = [norms[pivot], norms[step]]
    ;[order[step], order[pivot]] = [order[pivot], order[step]]

    const v = columns[step]
    const norm = Math.sqrt(squaredNorm(v, step))
    // The sign that adds instead of cancelling.
    diagonal[step] = v[step] > 0 ? -norm : norm
    v[step] -= diagonal[step]
    factors[step] = 2 / squaredNorm(v, step)
    for (let other = step + 1; other < columns.length; other++) {
      reflect(v, factors[step], columns[other], step)
      // Computed anew instead of being updated: that costs half as much again, but the rank is decided exactly.
      norms[other] = squaredNorm(columns[other], step + 1)
    }
  }
  return { columns, diagonal, factors, order, rank: steps }
}

/** Solves R·x = b (upper triangle, in place) for the leading `rank` rows. */
const solveUpper = ({ columns, diagonal, rank }: Factors, b: Column): void => {
  for (let k = rank - 1; k >= 0; k--) {
    b[k] /= diagonal[k]
    for (let row = 0; row < k; row++) b[row] -= b[k] * columns[k][row]
  }
}

/** Solves Rᵀ·x = b (in place) for the leading `rank` rows. */
const solveLower = ({ columns, diagonal, rank }: Factors, b: Column): void => {
  for (let k = 0; k < rank; k++) {
    for (let row = 0; row < k; row++) b[k] -= columns[k][row] * b[row]
    b[k] /= diagonal[k]
  }
}

/** The first `rank` rows of R, transposed: its rows as columns `[width]`, to be factorised from the right. */
const transposedRows = ({ columns, diagonal, rank }: Factors): Column[] =>
  Array.from({ length: rank }, (_, row) =>
    Float64Array.from(columns, (column, k) => (k < row ? 0 : k === row ? diagonal[row] : column[row])),
  )

/** Solves A·x = target by least squares; A is the matrix that the solver was made for. */
type Solver = (target: Column) => {
  /** The x of least norm, one value a column of A. */
  readonly solution: Float64Array
  /** Sum of squares of A·x − target. */
  readonly residual: number
}

/**
 * A solver for the matrix of these columns, which are overwritten. What is below `tolerance` times the largest column
 * counts as zero.
 */
export const leastNormSolver = (columns: Column[], tolerance: number): Solver => {
  const width = columns.length
  const qr = factorise(columns, tolerance)
  const { rank } = qr
  // The first `rank` rows of R are independent, so none of them is negligible.
  const fromRight = rank < width ? factorise(transposedRows(qr), 0) : undefined
  return (given) => {
    const target = given.slice()
    for (let step = 0; step < rank; step++) reflect(qr.columns[step], qr.factors[step], target, step)
    const residual = squaredNorm(target, rank)

    const solution = new Float64Array(width)
    solution.set(target.subarray(0, rank))
    if (fromRight === undefined) solveUpper(qr, solution)
    else {
      // The pivots of the second factorisation permute R's rows.
      solution.set(Float64Array.from(fromRight.order, (row) => target[row]))
      solveLower(fromRight, solution)
      for (let step = rank - 1; step >= 0; step--) {
        reflect(fromRight.columns[step], fromRight.factors[step], solution, step)
      }
    }
    const ordered = new Float64Array(width)
    for (let k = 0; k < width; k++) ordered[qr.order[k]] = solution[k]
    return { solution: ordered, residual }
  }
}

/** A Linear layer. */
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
 * The W and b that minimise |x·Wᵀ + b − y|², of least norm where several do (docs/method.md, section 4,
 * `leastSquares`).
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
