/** Registers TensorFlow's backend with TensorFlow.js. */
import * as tf from '@tensorflow/tfjs'
import type { Binding } from './binding.js'
import { replacedKernels } from './kernels.js'
import { packageLoader } from './load-package.js'
import { backendName, type NodeBackend } from './node-backend.js'

/** Registers the backend and its kernels with TensorFlow.js, from the package's folder and its addon. */
export const registerNodeBackend = (folder: string, packageName: string, binding: Binding): NodeBackend => {
  const load = packageLoader(folder, tf)
  const { NodeJSKernelBackend } = load('dist/nodejs_kernel_backend.js') as {
    NodeJSKernelBackend: new (binding: Binding, packageName: string) => NodeBackend
  }
  const backend = new NodeJSKernelBackend(binding, packageName)
  tf.registerBackend(backendName, () => backend)
  load('dist/register_all_kernels.js')
  for (const kernel of replacedKernels) {
    tf.unregisterKernel(kernel.kernelName, backendName)
    tf.registerKernel(kernel)
  }
  return backend
}
