/** An engine that runs every operation as it is called, on one of TensorFlow.js's own backends. */
import * as tf from '@tensorflow/tfjs-core'
import { withBackend } from './backend.js'
import {
  type CompiledFunction,
  type Engine,
  EngineError,
  type HostArray,
  type TensorFunction,
  type TensorSpec,
  type TensorSpecs,
} from './engine.js'
import type { DeviceName, EngineName } from './request.js'
import { checkedInput, checkedOutput, checkSpecs, sizeOfShape } from './host-values.js'

interface EagerBackend {
  readonly engine: EngineName
  readonly device: DeviceName
  /** The name that the backend is registered under with TensorFlow.js. */
  readonly backend: string
  readonly versions: Readonly<Record<string, string>>
}

interface Evaluated {
  readonly specs: TensorSpecs
  readonly values: Record<string, HostArray>
}

/** Where the values of an output go: an array of the caller's, or undefined for a new one. */
type Target = (name: string, spec: TensorSpec) => HostArray | undefined

const evaluate = (
  backend: string,
  fn: TensorFunction,
  specs: TensorSpecs,
  valuesOf: (name: string, spec: TensorSpec) => HostArray,
  targetOf: Target = () => undefined,
): Evaluated =>
  withBackend(backend, () => {
    const inputs: Record<string, tf.Tensor> = {}
    const given = new Set<ArrayBufferLike>()
    for (const [name, spec] of Object.entries(specs)) {
      const values = valuesOf(name, spec)
      given.add(values.buffer)
      inputs[name] = tf.tensor(values, [...spec.shape], spec.dtype)
    }
    // All are read before any is written: an output may be an input, and a target may be an input's array.
    const read = Object.entries(fn(inputs)).map(([name, tensor]) => {
      const spec: TensorSpec = {
        shape: [...tensor.shape],
        dtype: tensor.dtype === 'float32' ? 'float32' : 'int32',
      }
      const values = tensor.dataSync()
      return { name, spec, values: given.has(values.buffer) ? values.slice() : values }
    })
    const made: Record<string, TensorSpec> = {}
    const values: Record<string, HostArray> = {}
    for (const output of read) {
      const { name, spec } = output
      made[name] = spec
      const target = targetOf(name, spec)
      target?.set(output.values)
      // Copied: two outputs may be one tensor.
      values[name] =
        target ?? (spec.dtype === 'float32' ? new Float32Array(output.values) : new Int32Array(output.values))
    }
    return { specs: made, values }
  })

const zeros = (_name: string, spec: TensorSpec): HostArray =>
  spec.dtype === 'int32' ? new Int32Array(sizeOfShape(spec.shape)) : new Float32Array(sizeOfShape(spec.shape))

/** Opens an eager engine on a backend that is registered already. */
export const openEager = ({ engine, device, backend, versions }: EagerBackend): Engine => {
  // Production mode leaves out TensorFlow.js's advice on faster backends, which it prints to stderr.
  tf.enableProdMode()
  let open = true
  const compile = async (label: string, fn: TensorFunction, inputs: TensorSpecs): Promise<CompiledFunction> => {
    checkSpecs(label, inputs)
    let outputs: TensorSpecs | undefined
    let released = false
    return {
      /** Known from the first run, or from one on zeros where nothing has been run. */
      get outputs() {
        outputs ??= evaluate(backend, fn, inputs, zeros).specs
        return outputs
      },
      run: async (values, into = {}) => {
        if (released || !open) throw new EngineError(`${label} was run after it had been released`)
        const result = evaluate(
          backend,
          fn,
          inputs,
          (name, spec) => checkedInput(label, name, spec, values),
          (name, spec) => (into[name] === undefined ? undefined : checkedOutput(label, name, spec, into)),
        )
        outputs ??= result.specs
        return result.values
      },
      release: async () => {
        released = true
      },
    }
  }
  return {
    name: engine,
    device,
    versions,
    compile,
    release: async () => {
      open = false
    },
  }
}
