import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import { traceKernels, untracedKernels } from '../../src/engine/onnx/kernels/trace-kernels.js'
import { traceBackend } from '../../src/engine/onnx/trace-backend.js'
import { traceToOnnx } from '../../src/engine/onnx/trace.js'
import { gradientsOf } from './kernel-cases/gradient.js'
import { discreteCases, smoothCases } from './kernel-cases.js'

const reference = tf.getKernelsForBackend('cpu').map(({ kernelName }) => kernelName)
const traced = traceKernels.map(({ name }) => name)

/** Has a function's calls noted; the result undoes that. */
const noting = <Key extends string>(
  holder: { [key in Key]: (...given: never[]) => unknown },
  key: Key,
  note: () => void,
) => {
  const before = holder[key]
  holder[key] = (...given) => {
    note()
    return before(...given)
  }
  return () => {
    holder[key] = before
  }
}

describe('the kernels of TensorFlow.js', () => {
  it('are each either traced or listed with the reason why not', () => {
    const listed = new Set([...traced, ...Object.keys(untracedKernels)])
    expect(reference.filter((name) => !listed.has(name))).to.deep.equal([])
  })

  it('are traced once, and never listed as well', () => {
    expect(traced.filter((name, index) => traced.indexOf(name) !== index)).to.deep.equal([])
    expect(traced.filter((name) => name in untracedKernels)).to.deep.equal([])
  })

  it('are listed with a reason only where TensorFlow.js has them', () => {
    expect(Object.keys(untracedKernels).filter((name) => !reference.includes(name))).to.deep.equal([])
  })

  it('are each compared in a case where they are traced, and so is each gradient', () => {
    const kernels = new Set<string>()
    const gradients = new Set<string>()
    const undo = [
      ...tf
        .getKernelsForBackend(traceBackend().name)
        .map((config) => noting(config, 'kernelFunc', () => kernels.add(config.kernelName))),
      ...traced.flatMap((name) => {
        const config = tf.getGradient(name)
        return config === undefined ? [] : [noting(config, 'gradFunc', () => gradients.add(name))]
      }),
    ]
    try {
      for (const { title, fn, inputs } of [...smoothCases, ...discreteCases]) traceToOnnx(title, fn, inputs)
      for (const test of smoothCases) traceToOnnx(test.title, gradientsOf(test), test.inputs)
    } finally {
      for (const step of undo) step()
    }
    expect(traced.filter((name) => !kernels.has(name))).to.deep.equal([])
    expect(traced.filter((name) => tf.getGradient(name) !== undefined && !gradients.has(name))).to.deep.equal([])
  })
})
