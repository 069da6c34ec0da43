/**
 * Loads the JavaScript of `@tensorflow/tfjs-node` from any folder, as CommonJS of its own: it gets the TensorFlow.js
 * that is loaded already, which it could not resolve from a cache folder, and a `util` with the functions that Node 23
 * removed and the package still calls.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as util from 'node:util'
import * as vm from 'node:vm'
import * as tf from '@tensorflow/tfjs-core'
import { backendName, type Binding, type NodeBackend } from './addon.js'
import { replacedKernels } from './kernels.js'

const require = createRequire(import.meta.url)

const nodeUtil = {
  ...util,
  isNullOrUndefined: (value: unknown): boolean => value === null || value === undefined,
  isArray: Array.isArray,
}

/** Only TensorBoard's summaries need these messages, and their library need not be installed. */
const isSummaryMessages = (name: string): boolean => name.endsWith('/proto/api_pb')

interface LoadedModule {
  exports: Record<string, unknown>
}

type ModuleFunction = (
  exports: Record<string, unknown>,
  require: (name: string) => unknown,
  module: LoadedModule,
) => void

/** A function that loads modules of the package by their path from its folder, each once. */
export const packageLoader = (folder: string, tfjs: object): ((path: string) => Record<string, unknown>) => {
  const modules = new Map<string, LoadedModule>()
  const load = (file: string): Record<string, unknown> => {
    const known = modules.get(file)
    if (known !== undefined) return known.exports
    const module: LoadedModule = { exports: {} }
    // Before its code runs: modules may need each other in a circle.
    modules.set(file, module)
    // genepool: opaque the package's version is part of the engine's identity
    const body = vm.compileFunction(readFileSync(file, 'utf8'), ['exports', 'require', 'module'], {
      filename: file,
    }) as ModuleFunction
    body(module.exports, (name) => provide(file, name), module)
    return module.exports
  }
  const provide = (from: string, name: string): unknown => {
    if (isSummaryMessages(name)) return {}
    if (name.startsWith('.')) {
      const path = join(dirname(from), name)
      return load(path.endsWith('.js') ? path : `${path}.js`)
    }
    if (name === '@tensorflow/tfjs') return tfjs
    if (name === 'util') return nodeUtil
    // genepool: opaque what the package needs, whose version is part of the engine's identity
    return require(name)
  }
  return (path) => load(join(folder, path))
}

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
