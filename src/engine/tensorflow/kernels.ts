/**
 * Kernels that replace the package's own. Its products all are `BatchMatMulV2`, which TensorFlow neither fuses with
 * what follows nor gives its fastest code; its gather reads the indices to check them, which TensorFlow does itself.
 */
import * as tf from '@tensorflow/tfjs-core'
import { backendName, type NodeBackend } from './addon.js'

type Inputs = Readonly<Record<string, tf.Tensor>>

const typeAttribute = ({ binding }: NodeBackend, name: string, { dtype }: tf.TensorInfo) => ({
  name,
  type: binding.TF_ATTR_TYPE,
  value: dtype === 'int32' ? binding.TF_INT32 : dtype === 'bool' ? binding.TF_BOOL : binding.TF_FLOAT,
})

/** The matrix of a tensor that is one; undefined for a batch of several. */
const asMatrix = (x: tf.Tensor): tf.Tensor | undefined => {
  const [rows, columns] = x.shape.slice(-2)
  if (x.rank < 2 || x.size !== rows * columns) return undefined
  return x.rank === 2 ? x : tf.reshape(x, [rows, columns])
}

interface Transposed {
  readonly transposeA: boolean
  readonly transposeB: boolean
}

/** `a · b` with leading dimensions broadcast: `[…, n, k]`, `[…, k, m]` → `[…, n, m]`. */
const product = (
  backend: NodeBackend,
  a: tf.Tensor,
  b: tf.Tensor,
  { transposeA, transposeB }: Transposed,
): tf.Tensor => {
  const flag = (name: string, value: boolean) => ({ name, type: backend.binding.TF_ATTR_BOOL, value })
  const type = typeAttribute(backend, 'T', a)
  const [left, right] = [asMatrix(a), asMatrix(b)]
  if (left === undefined || right === undefined) {
    return backend.executeSingleOutput(
      'BatchMatMulV2',
      [type, flag('adj_x', transposeA), flag('adj_y', transposeB)],
      [a, b],
    )
  }
  const made = backend.executeSingleOutput(
    'MatMul',
    [type, flag('transpose_a', transposeA), flag('transpose_b', transposeB)],
    [left, right],
  )
  const rank = Math.max(a.rank, b.rank)
  return rank === 2 ? made : tf.reshape(made, [...Array.from({ length: rank - 2 }, () => 1), ...made.shape])
}

const matMul: tf.KernelConfig = {
  kernelName: tf.BatchMatMul,
  backendName,
  kernelFunc: ({ inputs, backend, attrs }) => {
    const { a, b } = inputs as Inputs
    return tf.tidy(() => product(backend as NodeBackend, a, b, attrs as unknown as Transposed))
  },
}

interface FusedAttributes extends Transposed {
  readonly activation: string
  readonly leakyreluAlpha: number
}

const fusedMatMul: tf.KernelConfig = {
  kernelName: '_FusedMatMul',
  backendName,
  kernelFunc: ({ inputs, backend, attrs }) => {
    const { a, b, bias, preluActivationWeights } = inputs as Inputs
    const fused = attrs as unknown as FusedAttributes
    const node = backend as NodeBackend
    return tf.tidy(() => {
      const made = product(node, a, b, fused)
      const shifted = bias === undefined ? made : addBias(node, made, bias)
      return node.applyActivation(shifted, fused.activation, preluActivationWeights, fused.leakyreluAlpha)
    })
  },
}

const addBias = (backend: NodeBackend, x: tf.Tensor, bias: tf.Tensor): tf.Tensor =>
  bias.rank === 1 && bias.size === x.shape.at(-1)
    ? backend.executeSingleOutput('BiasAdd', [typeAttribute(backend, 'T', x)], [x, bias])
    : tf.add(x, bias)

const gather: tf.KernelConfig = {
  kernelName: tf.GatherV2,
  backendName,
  kernelFunc: ({ inputs, backend, attrs }) => {
    const { x, indices } = inputs as { x: tf.Tensor; indices: tf.Tensor }
    const { axis, batchDims } = attrs as unknown as { axis: number; batchDims: number }
    const node = backend as NodeBackend
    return tf.tidy(() => {
      const along = tf.scalar(axis, 'int32')
      const attributes = [
        { name: 'batch_dims', type: node.binding.TF_ATTR_INT, value: batchDims },
        typeAttribute(node, 'Tparams', x),
        typeAttribute(node, 'Tindices', indices),
        typeAttribute(node, 'Taxis', along),
      ]
      return node.executeSingleOutput('GatherV2', attributes, [x, indices, along])
    })
  },
}

export const replacedKernels: readonly tf.KernelConfig[] = [matMul, fusedMatMul, gather]
