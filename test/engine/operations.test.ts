import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import type { Engine, HostArray, TensorFunction } from '../../src/engine/engine.js'
import type { EngineName } from '../../src/engine/request.js'
import { openEngine } from '../../src/engine/choice/open.js'
import { gelu, layerNorm, linear, softmaxCrossEntropy } from '../../src/engine/operations.js'
import { type CaseInput, drawInputs, floats, relativeDistance, seededNumbers } from './cases.js'

type Values = Readonly<Record<string, ArrayLike<number>>>

/** An operation with the same mathematics in float64, on rows of `width`. */
interface OperationCase {
  readonly title: string
  readonly inputs: Readonly<Record<string, CaseInput>>
  readonly operation: (inputs: Readonly<Record<string, tf.Tensor>>) => tf.Tensor
  readonly exact: (values: Values) => readonly number[]
}

const numbers = (values: ArrayLike<number> | undefined): number[] => Array.from(values ?? [])

const rowsOf = (values: ArrayLike<number> | undefined, width: number): number[][] =>
  Array.from({ length: numbers(values).length / width }, (_, row) =>
    numbers(values).slice(row * width, (row + 1) * width),
  )

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)

const dot = (a: readonly number[], b: readonly number[]): number =>
  total(a.map((value, index) => value * (b[index] ?? 0)))

/** erf by its Maclaurin series, exact in float64 for the small arguments used here. */
const erf = (x: number): number => {
  let [term, sum] = [x, x]
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

const normalizedRow = (row: readonly number[], eps: number): number[] => {
  const mean = total(row) / row.length
  const variance = total(row.map((value) => (value - mean) ** 2)) / row.length
  return row.map((value) => (value - mean) / Math.sqrt(variance + eps))
}

const norm = (shape: readonly number[]): OperationCase => {
  const width = shape.at(-1) ?? 1
  return {
    title: `layerNorm of [${shape}]`,
    inputs: { x: floats(shape), scale: floats([width], 0.5, 1.5), shift: floats([width]) },
    operation: ({ x, scale, shift }) => layerNorm(x, scale, shift, 1e-3),
    exact: ({ x, scale, shift }) =>
      rowsOf(x, width).flatMap((row) =>
        normalizedRow(row, 1e-3).map((value, index) => value * (scale?.[index] ?? 0) + (shift?.[index] ?? 0)),
      ),
  }
}

const activation = (shape: readonly number[]): OperationCase => ({
  title: `gelu of [${shape}]`,
  inputs: { x: floats(shape, -4, 4) },
  operation: ({ x }) => gelu(x),
  exact: ({ x }) => numbers(x).map((value) => (value / 2) * (1 + erf(value * Math.SQRT1_2))),
})

const dense = (shape: readonly number[], out: number): OperationCase => {
  const width = shape.at(-1) ?? 1
  return {
    title: `linear of [${shape}] to ${out}`,
    inputs: { x: floats(shape), weight: floats([out, width]), bias: floats([out]) },
    operation: ({ x, weight, bias }) => linear(x, weight, bias),
    exact: ({ x, weight, bias }) =>
      rowsOf(x, width).flatMap((row) =>
        rowsOf(weight, width).map((weights, index) => dot(row, weights) + (bias?.[index] ?? 0)),
      ),
  }
}

const entropy = (batch: number, classes: number): OperationCase => ({
  title: `softmaxCrossEntropy of [${batch}, ${classes}]`,
  inputs: { logits: floats([batch, classes]), targets: floats([batch, classes], 0, 1) },
  operation: ({ logits, targets }) => softmaxCrossEntropy(logits as tf.Tensor2D, targets as tf.Tensor2D),
  exact: ({ logits, targets }) =>
    rowsOf(logits, classes).map((row, index) => {
      const logSum = Math.log(total(row.map(Math.exp)))
      return -dot(
        rowsOf(targets, classes)[index] ?? [],
        row.map((value) => value - logSum),
      )
    }),
})

const cases: readonly OperationCase[] = [
  norm([7]),
  norm([3, 5]),
  norm([2, 3, 8]),
  activation([]),
  activation([7]),
  activation([3, 1, 5]),
  dense([4], 3),
  dense([3, 1], 5),
  dense([2, 3, 4], 7),
  entropy(1, 2),
  entropy(3, 7),
]

/** The weights that make one number of a result: the same in both computations. */
const weightsFor = (length: number): number[] => Array.from({ length }, seededNumbers(3)).map((value) => value + 0.5)

/** Central differences of the weighted sum of the exact result. */
const differences = ({ exact, inputs }: OperationCase, values: Readonly<Record<string, HostArray>>) => {
  const weighted = (at: Values): number => {
    const result = exact(at)
    return dot(result, weightsFor(result.length))
  }
  const step = 1e-5
  return Object.fromEntries(
    Object.keys(inputs).map((name) => {
      const moved = (index: number, by: number): Values => {
        const changed = numbers(values[name])
        changed[index] = (changed[index] ?? 0) + by
        return { ...values, [name]: changed }
      }
      return [
        name,
        numbers(values[name]).map(
          (_, index) => (weighted(moved(index, step)) - weighted(moved(index, -step))) / (2 * step),
        ),
      ]
    }),
  )
}

const withGradients =
  ({ operation, inputs }: OperationCase): TensorFunction =>
  (given) => {
    const names = Object.keys(inputs)
    const call = (tensors: readonly tf.Tensor[]) =>
      operation(Object.fromEntries(names.map((name, index) => [name, tensors[index]])))
    const weighted = (...tensors: tf.Tensor[]): tf.Scalar => {
      const result = call(tensors)
      return tf.sum(tf.mul(result, tf.tensor(weightsFor(result.size), result.shape)))
    }
    const tensors = names.map((name) => given[name])
    const gradients = tf.grads(weighted)(tensors)
    return {
      result: call(tensors),
      ...Object.fromEntries(names.map((name, index) => [`gradient of ${name}`, gradients[index]])),
    }
  }

for (const name of ['cpu', 'onnxruntime'] satisfies EngineName[]) {
  describe(`on the engine ${name}`, () => {
    let engine: Engine
    before(async () => {
      engine = await openEngine({ engine: name, device: 'cpu', threads: 1 })
    })
    after(() => engine.release())

    for (const test of cases) {
      it(`${test.title} and its gradients are those of exact arithmetic`, async () => {
        const values = drawInputs(test.inputs, 17)
        const results = await (await engine.compile(test.title, withGradients(test), test.inputs)).run(values)
        expect(relativeDistance(results['result'], test.exact(values)), 'result').to.be.below(2e-6)
        for (const [input, expected] of Object.entries(differences(test, values))) {
          expect(relativeDistance(results[`gradient of ${input}`], expected), input).to.be.below(1e-5)
        }
      })
    }

    it('gelu has finite gradients far from zero', async () => {
      const far = await engine.compile('gelu', ({ x }) => ({ dx: tf.grad((y: tf.Tensor) => tf.sum(gelu(y)))(x) }), {
        x: { shape: [4], dtype: 'float32' },
      })
      const { dx } = await far.run({ x: Float32Array.of(-1e4, -20, 20, 1e4) })
      expect(numbers(dx)).to.deep.equal([0, 0, 1, 1])
    })
  })
}
