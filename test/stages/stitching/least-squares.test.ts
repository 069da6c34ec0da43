import { expect } from 'chai'
import { leastSquares, type LeastSquaresSolution } from '../../../src/stages/stitching/least-squares.js'
import { Generator } from '../../../src/stages/data/random.js'

const normals = (generator: Generator, count: number): Float64Array =>
  Float64Array.from({ length: count }, () => generator.normal())

/** x·Wᵀ + b, `[rows, outputs]`. */
const predict = (x: ArrayLike<number>, rows: number, inputs: number, { weight, bias }: LeastSquaresSolution) =>
  Float64Array.from({ length: rows * bias.length }, (_, at) => {
    const row = Math.floor(at / bias.length)
    const output = at % bias.length
    let sum = bias[output]
    for (let input = 0; input < inputs; input++) sum += x[row * inputs + input] * weight[output * inputs + input]
    return sum
  })

const expectClose = (actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void => {
  expect(actual.length).to.equal(expected.length)
  const worst = Math.max(...Array.from(actual, (value, index) => Math.abs(value - expected[index])))
  expect(worst).to.be.below(tolerance)
}

describe('least squares', () => {
  it('fits a line through three points as computed by hand', () => {
    // y = 1.5 x + 1/6 with residuals −1/6, 1/3, −1/6 for (0, 0), (1, 2), (2, 3).
    const { weight, bias, residual } = leastSquares(Float64Array.of(0, 1, 2), 3, 1, Float64Array.of(0, 2, 3), 1)
    expect(weight[0]).to.be.closeTo(1.5, 1e-6)
    expect(bias[0]).to.be.closeTo(1 / 6, 1e-6)
    expect(residual).to.be.closeTo(1 / 18, 1e-12)
  })

  it('finds the weights and bias of a linear map again', () => {
    const generator = Generator.from(1)
    const [rows, inputs, outputs] = [200, 7, 5]
    const x = normals(generator, rows * inputs)
    const truth = {
      weight: Float32Array.from(normals(generator, outputs * inputs)),
      bias: Float32Array.from(normals(generator, outputs)),
      residual: 0,
    }
    const found = leastSquares(x, rows, inputs, predict(x, rows, inputs, truth), outputs)
    expectClose(found.weight, truth.weight, 1e-6)
    expectClose(found.bias, truth.bias, 1e-6)
    expect(found.residual).to.be.below(1e-20)
  })

  it('leaves residuals that are orthogonal to every input and to the bias', () => {
    const generator = Generator.from(2)
    const [rows, inputs, outputs] = [1700, 48, 48]
    const x = Float32Array.from(normals(generator, rows * inputs))
    const y = Float32Array.from(normals(generator, rows * outputs))
    const solution = leastSquares(x, rows, inputs, y, outputs)
    const difference = predict(x, rows, inputs, solution).map((value, at) => value - y[at])
    for (let output = 0; output < outputs; output += 7) {
      for (let input = -1; input < inputs; input++) {
        let product = 0
        for (let row = 0; row < rows; row++) {
          product += difference[row * outputs + output] * (input < 0 ? 1 : x[row * inputs + input])
        }
        expect(Math.abs(product) / rows).to.be.below(1e-7)
      }
    }
    const squares = difference.reduce((sum, value) => sum + value ** 2, 0)
    expect(solution.residual).to.be.closeTo(squares / (rows * outputs), 1e-6)
  })

  it('takes the solution of least norm where rows are too few', () => {
    // One row: w·(3, 4) + b = 13 is solved by 13 · (3, 4, 1) / 26.
    const { weight, bias, residual } = leastSquares(Float32Array.of(3, 4), 1, 2, Float32Array.of(13), 1)
    expectClose(weight, [1.5, 2], 1e-6)
    expect(bias[0]).to.be.closeTo(0.5, 1e-6)
    expect(residual).to.be.below(1e-20)
  })

  it('interpolates fewer rows than inputs with weights that are a combination of the rows', () => {
    const generator = Generator.from(3)
    const [rows, inputs, outputs] = [6, 20, 3]
    const x = normals(generator, rows * inputs)
    const y = normals(generator, rows * outputs)
    const solution = leastSquares(x, rows, inputs, y, outputs)
    expectClose(predict(x, rows, inputs, solution), y, 1e-5)
    // Least norm ⇔ (weight, bias) lies in the span of the rows (x, 1): fitting it by them leaves nothing.
    const columns = Float64Array.from({ length: (inputs + 1) * rows }, (_, at) => {
      const input = Math.floor(at / rows)
      return input < inputs ? x[(at % rows) * inputs + input] : 1
    })
    const target = Float64Array.of(...solution.weight.subarray(0, inputs), solution.bias[0])
    const withoutBias = [columns, target].map((values) => values.slice())
    const fit = leastSquares(withoutBias[0], inputs + 1, rows, withoutBias[1], 1)
    expect(fit.residual).to.be.below(1e-12)
    expect(Math.abs(fit.bias[0])).to.be.below(1e-6)
  })

  it('shares a weight evenly between equal columns and gives a column of zeros none', () => {
    const rows = 50
    const generator = Generator.from(4)
    const values = normals(generator, rows)
    const x = Float32Array.from({ length: rows * 3 }, (_, at) => (at % 3 === 2 ? 0 : values[Math.floor(at / 3)]))
    const y = Float32Array.from(values, (value) => 6 * Math.fround(value) + 2)
    const { weight, bias } = leastSquares(x, rows, 3, y, 1)
    expectClose(weight, [3, 3, 0], 1e-5)
    expect(bias[0]).to.be.closeTo(2, 1e-5)
  })

  it('splits a constant between a constant column and the bias by their size', () => {
    const x = Float32Array.from({ length: 10 }, () => 2)
    const { weight, bias } = leastSquares(
      x,
      10,
      1,
      Float32Array.from({ length: 10 }, () => 5),
      1,
    )
    expectClose(weight, [2], 1e-6)
    expect(bias[0]).to.be.closeTo(1, 1e-6)
  })

  it('takes a column that differs from another by rounding alone for the same column', () => {
    const rows = 100
    const generator = Generator.from(5)
    const values = normals(generator, rows)
    const x = Float32Array.from({ length: rows * 2 }, (_, at) => {
      const value = values[Math.floor(at / 2)]
      return at % 2 === 0 ? value : value * 0.3 + value * 0.7 + 1e-8 * generator.normal()
    })
    const { weight } = leastSquares(x, rows, 2, Float32Array.from(normals(generator, rows)), 1)
    expect(Math.abs(weight[0])).to.be.below(1)
    expect(weight[0]).to.be.closeTo(weight[1], 1e-5)
  })

  it('refuses lengths that do not fit and values that are not finite', () => {
    const ones = new Float32Array(6).fill(1)
    expect(() => leastSquares(ones, 3, 3, ones, 2)).to.throw(RangeError, '6 and 6 values are not [3, 3] and [3, 2]')
    expect(() => leastSquares(ones, 0, 3, ones, 2)).to.throw(RangeError)
    expect(() => leastSquares(Float32Array.of(NaN), 1, 1, ones.slice(0, 1), 1)).to.throw(RangeError, 'not finite')
  })
})
