/** An engine that runs every operation as it is called, on one of TensorFlow.js's own backends. */
import * as tf from '@tensorflow/tfjs'
import { withBackend } from './backend.js'
import type {
  CompiledFunction,
  DeviceName,
  Engine,
  EngineName,
  HostArray,
  TensorFunction,
  TensorSpec,
} from './engine.js'
import { EngineError } from './engine.js'
import { checkedInput, checkSpecs, sizeOfSpec } from './host-values.js'

export interface EagerBackend {
  readonly engine: EngineName
  readonly device: DeviceName
  /** The name that the backend is registered under with TensorFlow.js. */
  readonly backend: string
  readonly versions: Readonly<Record<string, string>>
}

interface Evaluated {
  readonly specs: Readonly<Record<string, TensorSpec>>
  readonly values: Record<string, HostArray>
}

const evaluate = (
  backend: string,
  fn: TensorFunction,
  specs: Readonly<Record<string, TensorSpec>>,
  valuesOf: (name: string, spec: TensorSpec) => HostArray,
): Evaluated =>
  withBackend(backend, () => {
    const inputs: Record<string, tf.Tensor> = {}
    for (const [name, spec] of Object.entries(specs)) {
      inputs[name] = tf.tensor(valuesOf(name, spec), [...spec.shape], spec.dtype)
    }
    const made: Record<string, TensorSpec> = {}
    const values: Record<string, HostArray> = {}
    for (const [name, tensor] of Object.entries(fn(inputs))) {
      const dtype = tensor.dtype === 'float32' ? 'float32' : 'int32'
      made[name] = { shape: [...tensor.shape], dtype }
      // Copied: an output may be an input, and then shares its memory.
      const read = tensor.dataSync()
      values[name] = dtype === 'float32' ? new Float32Array(read) : new Int32Array(read)
    }
    return { specs: made, values }
  })

const zeros = (_name: string, spec: TensorSpec): HostArray =>
  spec.dtype === 'int32' ? new Int32Array(sizeOfSpec(spec)) : new Float32Array(sizeOfSpec(spec))

/** Opens an eager engine on a backend that is registered already. */
export const openEager = ({ engine, device, backend, versions }: EagerBackend): Engine => {
  // Production mode leaves out TensorFlow.js's advice on faster backends, which it prints to stderr.
  tf.enableProdMode()
  let open = true
  const compile = async (
    label: string,
    fn: TensorFunction,
    inputs: Readonly<Record<string, TensorSpec>>,
  ): Promise<CompiledFunction> => {
    checkSpecs(label, inputs)
    let outputs: Readonly<Record<string, TensorSpec>> | undefined
    let released = false
    return {
      /** Known from the first run, or from one on zeros where nothing has been run. */
      get outputs() {
        outputs ??= evaluate(backend, fn, inputs, zeros).specs
        return outputs
      },
      run: async (values) => {
        if (released || !open) throw new EngineError(`${label} was run after it had been released`)
        const result = evaluate(backend, fn, inputs, (name, spec) => checkedInput(label, name, spec, values))
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
