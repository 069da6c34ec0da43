/**
 * Arrays of the host as compiled functions take and give them: their sizes, checks of what a call is given, and their
 * end.
 */
import { EngineError, type HostArray, type HostArrays, type TensorSpec, type TensorSpecs } from './engine.js'

/** Elements of a tensor of this shape. */
export const sizeOfShape = (shape: readonly number[]): number => shape.reduce((size, extent) => size * extent, 1)

/** Throws an EngineError where a shape is not a list of whole numbers ≥ 0, or a type is unknown. */
export const checkSpecs = (label: string, specs: TensorSpecs): void => {
  for (const [name, { shape, dtype }] of Object.entries(specs)) {
    if (!shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) {
      throw new EngineError(`${label}: the input ${name} has the shape [${shape}], which is not one of whole numbers`)
    }
    if (dtype !== 'float32' && dtype !== 'int32') {
      throw new EngineError(`${label}: the input ${name} has the type ${dtype}; it must be float32 or int32`)
    }
  }
}

/** The input of this name, once its type and its length fit; an EngineError that names it otherwise. */
export const checkedInput = (label: string, name: string, spec: TensorSpec, inputs: HostArrays): HostArray =>
  checked(label, `the input ${name}`, spec, inputs[name])

/** The array for the output of this name, once its type and its length fit; an EngineError that names it otherwise. */
export const checkedOutput = (label: string, name: string, spec: TensorSpec, into: HostArrays): HostArray =>
  checked(label, `the output ${name}`, spec, into[name])

const checked = (label: string, what: string, spec: TensorSpec, values: unknown): HostArray => {
  if (values === undefined) throw new EngineError(`${label}: ${what} is missing`)
  const fits = spec.dtype === 'int32' ? values instanceof Int32Array : values instanceof Float32Array
  if (!fits) {
    const wanted = spec.dtype === 'int32' ? 'Int32Array' : 'Float32Array'
    throw new EngineError(`${label}: ${what} must be a ${wanted} (${spec.dtype})`)
  }
  const array = values as HostArray
  const expected = sizeOfShape(spec.shape)
  if (array.length !== expected) {
    throw new EngineError(`${label}: ${what} has ${array.length} elements; its shape [${spec.shape}] takes ${expected}`)
  }
  return array
}

/**
 * Frees the memory of arrays at once that nothing will read any more, also from under other views of it. The garbage
 * collector learns of memory outside its heap too slowly for what a training step leaves: gradients as large as the
 * model, at every step.
 */
export const discard = (arrays: Iterable<HostArray>): void => {
  const buffers = new Set<ArrayBuffer>()
  for (const { buffer } of arrays) if (buffer instanceof ArrayBuffer) buffers.add(buffer)
  // What is transferred to nobody is freed.
  structuredClone(null, { transfer: [...buffers] })
}
