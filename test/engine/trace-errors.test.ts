import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { TensorFunction } from '../../src/engine/engine.js'
import { traceToOnnx } from '../../src/engine/onnx/trace.js'

const x = { x: { shape: [2, 3], dtype: 'float32' } } as const

const file = 'test/engine/trace-errors.test.ts'
const lines = readFileSync(file, 'utf8').split('\n')

/** `file:line` of the line that ends in this comment. */
const placeOf = (mark: string): string => `${file}:${lines.findIndex((line) => line.endsWith(`// ${mark}`)) + 1}`

const messageOf = (fn: (inputs: Parameters<TensorFunction>[0]) => unknown): string => {
  try {
    traceToOnnx('own stage', fn as TensorFunction, x)
  } catch (error) {
    expect((error as Error).name).to.equal('EngineError')
    return (error as Error).message
  }
  throw new Error('it was traced')
}

const elsewhere = 'compute it outside and pass the result in as an input, or use the engine tensorflow or cpu'
const asInput = 'and a trace would use the same ones in every run; draw them outside and pass them in as an input'
const stateless = 'a traced function keeps no state: pass the value in as an input and return what becomes of it'

describe('an error under a trace', () => {
  before(() => tf.enableProdMode())

  it('names the function, the operation without an ONNX form, why it has none, and the line that called it', () => {
    const message = messageOf(({ x: given }) => {
      const { values } = tf.unique(tf.reshape(given, [-1])) // unique
      return { y: values }
    })
    expect(message).to.equal(
      'own stage: the TensorFlow.js operation unique cannot be traced: the shape of its result depends on values, ' +
        `which a traced tensor does not have; ${elsewhere} (${placeOf('unique')})`,
    )
  })

  it('names the line whatever lies between it and the kernel', () => {
    const inner = (given: tf.Tensor) => tf.tidy(() => tf.spectral.rfft(given)) // rfft
    const message = messageOf(({ x: given }) => ({ y: tf.grad((z) => tf.sum(inner(z)))(given) }))
    expect(message).to.contain('the TensorFlow.js operation rfft cannot be traced: ONNX operators do not take complex')
    expect(message).to.contain(`(${placeOf('rfft')})`)
  })

  it('names the line of a value that is read, in whichever way', () => {
    const reading = (read: (given: tf.Tensor) => unknown) =>
      messageOf(({ x: given }) => {
        const made = tf.exp(given)
        read(made)
        return { y: made }
      })
    const why =
      'own stage: the value of a tensor made by Exp was read, but while a function is traced its tensors have no values; ' +
      'express it in tensor operations, or return the tensor'
    expect(reading((made) => made.dataSync())).to.match(/^own stage: the value of a tensor made by Exp was read, /)
    const asynchronous = reading((made) => made.data()) // data
    expect(asynchronous).to.equal(`${why} (${placeOf('data')})`)
    const printed = reading((made) => made.toString()) // toString
    expect(printed).to.equal(`${why} (${placeOf('toString')})`)
  })

  it('names the operation that draws random numbers, seeded or not', () => {
    const draws: Readonly<Record<string, () => tf.Tensor>> = {
      randomUniform: () => tf.randomUniform([2, 3]),
      randomNormal: () => tf.randomNormal([2, 3], 0, 1, 'float32', 7),
      truncatedNormal: () => tf.truncatedNormal([2, 3], 0, 1, 'float32', 7),
      randomGamma: () => tf.randomGamma([2, 3], 1, 1, 'float32', 7),
      multinomial: () => tf.multinomial(tf.ones([3]) as tf.Tensor1D, 2),
      dropout: () => tf.dropout(tf.ones([2, 3]), 0.5, undefined, 7),
    }
    for (const [name, draw] of Object.entries(draws)) {
      const message = messageOf(({ x: given }) => ({ y: tf.add(given, draw()) }))
      expect(message).to.contain(`own stage: the TensorFlow.js operation ${name} draws random numbers, ${asInput}`)
      expect(message).to.contain(`(${file}:`)
    }
    const own = messageOf(({ x: given }) => ({ y: tf.mul(given, Math.random()) })) // Math.random
    expect(own).to.equal(`own stage: Math.random was called, ${asInput} (${placeOf('Math.random')})`)
  })

  it('refuses variables, and leaves none behind', () => {
    const outer = tf.variable(tf.zeros([2, 3]), true, 'outer of the test')
    const made = messageOf(() => ({ y: tf.variable(tf.zeros([1]), true, 'inner of the test') })) // variable
    expect(made).to.equal(`own stage: tf.variable was called, but ${stateless} (${placeOf('variable')})`)
    const assigned = messageOf(({ x: given }) => {
      outer.assign(given as tf.Tensor2D) // assign
      return { y: outer }
    })
    expect(assigned).to.equal(
      `own stage: the variable outer of the test was assigned to, but ${stateless} (${placeOf('assign')})`,
    )
    const trained = messageOf(() => ({ y: tf.train.sgd(0.1).minimize(() => tf.sum(outer), true)! })) // minimize
    expect(trained).to.contain(`(${placeOf('minimize')})`)
    expect(Object.keys(tf.engine().registeredVariables ?? tf.engine().state.registeredVariables)).to.not.contain(
      'inner of the test',
    )
    outer.dispose()
  })

  it('names the operation that a tensor was given to after it had been disposed', () => {
    const message = messageOf(({ x: given }) => {
      const made = tf.exp(given)
      made.dispose()
      return { y: tf.add(given, made) } // disposed
    })
    expect(message).to.match(/^own stage: the TensorFlow.js operation add was given a tensor that is disposed/)
    expect(message).to.contain(`(${placeOf('disposed')})`)
  })

  it('names the line of shapes and types that do not fit', () => {
    const shape = messageOf(({ x: given }) => ({ y: tf.reshape(given, [7]) })) // reshape
    expect(shape).to.equal(
      `own stage: the TensorFlow.js operation reshape fails: Size(6) must match the product of shape 7 (${placeOf('reshape')})`,
    )
    const sum = messageOf(({ x: given }) => ({ y: tf.add(given, tf.zeros([2])) })) // add
    expect(sum).to.equal(
      `own stage: the TensorFlow.js operation add fails: the shapes [2,3] and [2] do not broadcast (${placeOf('add')})`,
    )
    const product = messageOf(({ x: given }) => ({ y: tf.matMul(given, given) })) // matMul
    expect(product).to.contain('matrices of the shapes [2,3] and [2,3] do not multiply: 3 is not 2')
    expect(product).to.contain(`(${placeOf('matMul')})`)
    const slice = messageOf(({ x: given }) => ({ y: tf.slice(given, [1, 1], [1, 3]) })) // slice
    expect(slice).to.contain('[1,3] elements from [1,1] on do not lie in the shape [2,3]')
    expect(slice).to.contain(`(${placeOf('slice')})`)
    const joined = messageOf(({ x: given }) => ({ y: tf.concat([given, tf.zeros([3, 2])], 0) })) // concat
    expect(joined).to.contain(`(${placeOf('concat')})`)
    const type = messageOf(({ x: given }) => ({ y: tf.where(given, given, given) })) // where
    expect(type).to.contain("Argument 'condition' passed to 'where' must be bool tensor")
    expect(type).to.contain(`(${placeOf('where')})`)
    const text = messageOf(() => ({ y: tf.tensor1d(['a']) })) // strings
    expect(text).to.equal(`own stage: tensors of the type string cannot be traced (${placeOf('strings')})`)
  })

  it('says what was returned in place of an object of tensors', () => {
    const wanted = 'a traced function returns an object of tensors by name'
    expect(messageOf(async ({ x: given }) => ({ y: given }))).to.equal(
      `own stage returned a promise, but ${wanted}: it may not be async`,
    )
    expect(messageOf(({ x: given }) => given)).to.equal(`own stage returned a tensor, but ${wanted}`)
    expect(messageOf(({ x: given }) => [given])).to.equal(`own stage returned an array, but ${wanted}`)
    expect(messageOf(() => undefined)).to.equal(`own stage returned undefined, but ${wanted}`)
    expect(messageOf(() => ({}))).to.equal(`own stage returned no outputs, but ${wanted}`)
    expect(messageOf(() => ({ loss: 3 }))).to.equal('own stage: the output loss is no tensor but of the type number')
    const lost = ({ x: given }: Parameters<TensorFunction>[0]) => {
      let kept: tf.Tensor | undefined
      tf.tidy(() => void (kept = tf.exp(given)))
      return { y: kept! }
    }
    expect(messageOf(lost)).to.equal(
      'own stage: the output y is disposed; a tensor made in tf.tidy must be what that returns, or kept by tf.keep',
    )
  })

  it('leaves Math.random, variables and stack traces as they were', () => {
    const before = [Math.random, tf.Variable.prototype.assign, Error.stackTraceLimit]
    messageOf(() => ({ y: tf.scalar(Math.random()) }))
    traceToOnnx('fine', ({ x: given }) => ({ y: tf.exp(given) }), x)
    expect([Math.random, tf.Variable.prototype.assign, Error.stackTraceLimit]).to.deep.equal(before)
    expect(Object.hasOwn(tf.engine(), 'makeVariable')).to.equal(false)
    const variable = tf.variable(tf.scalar(Math.random()))
    variable.assign(tf.scalar(2))
    variable.dispose()
  })

  it('names the line of the source, where compiled code has a source map', () => {
    const folder = mkdtempSync(join(tmpdir(), 'genepool-trace-'))
    try {
      const trace = pathToFileURL(join(process.cwd(), 'src/engine/onnx/trace.ts')).href
      // Every position of the one line is line 40 of stage.ts.
      const map = { version: 3, sources: ['stage.ts'], names: [], mappings: 'AAuCA' }
      const encoded = Buffer.from(JSON.stringify(map)).toString('base64')
      const script = join(folder, 'stage.mjs')
      writeFileSync(
        script,
        `import { traceToOnnx } from ${JSON.stringify(trace)}; ` +
          "try { traceToOnnx('own stage', ({ x }) => ({ y: x.dataSync() }), { x: { shape: [1], dtype: 'float32' } }) } " +
          `catch ({ message }) { console.log(message) }\n//# sourceMappingURL=data:application/json;base64,${encoded}\n`,
      )
      const printed = execFileSync(process.execPath, ['--enable-source-maps', '--import=tsx', script], {
        encoding: 'utf8',
      })
      expect(relative(process.cwd(), folder)).to.match(/^\.\./)
      expect(printed).to.match(/^own stage: the value of the input x was read, .*\/stage\.ts:40\)\n$/s)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
