/** How weights start. Every tensor draws from a stream of its own, so that adding one does not move the others. */
import type { VitConfig, WeightStart } from '../../dsl/vit-config.js'
import { sizeOfShape } from '../../engine/host-values.js'
import { Generator } from '../data/random.js'
import type { TensorDefinition, NamedValues } from '../tensors/named-tensors.js'
import { vitTensors } from './vit.js'

/**
 * Standard deviation of tokens and positions at their start, whatever the other weights start from (DeiT).
 */
const TOKEN_STD = 0.02

/** Of layer scale (DeiT-III). */
const SCALE_START = 1e-4

const fill = (size: number, draw: () => number): Float32Array => Float32Array.from({ length: size }, draw)

/** Normal with `std`, drawn anew outside of ±2: absolute bounds, timm's `trunc_normal_` with its defaults. */
const truncatedNormal = (generator: Generator, std: number) => (): number => {
  for (;;) {
    const value = std * generator.normal()
    if (Math.abs(value) <= 2) return value
  }
}

const uniform = (generator: Generator, bound: number) => (): number => bound * (2 * generator.uniform() - 1)

const startTensor = ({ name, shape, group }: TensorDefinition, start: WeightStart, generator: Generator) => {
  const size = sizeOfShape(shape)
  if (group === 'clsToken' || group === 'positions') return fill(size, truncatedNormal(generator, TOKEN_STD))
  if (name.endsWith('.gamma')) return fill(size, () => SCALE_START)
  if (group !== 'matrices') return fill(size, () => (name.endsWith('.weight') ? 1 : 0))
  if (start.type === 'truncatedNormal') return fill(size, truncatedNormal(generator, start.std))
  // Patch filters [d, c, p, p] count as the matrix [d, c·p·p] that they are used as; qkv as one matrix.
  const [out] = shape
  const bound = start.gain * Math.sqrt(6 / (out + size / out))
  return fill(size, uniform(generator, bound))
}

/**
 * Start values of every tensor of a model: matrices and patch filters by `start`; biases 0; norms 1 and 0; layer scale
 * 1e-4; cls token, distillation token and positions normal 0.02. Models of one seed start from different numbers if
 * their `role` or their shape differs: two students that start from the same numbers would be easier to stitch than
 * they should be.
 */
export const startVit = (config: VitConfig, start: WeightStart, seed: number, role: string): NamedValues => {
  const label = `${role} ${config.embedDim}x${config.depth}`
  return Object.fromEntries(
    vitTensors(config).map((tensor) => [
      tensor.name,
      startTensor(tensor, start, Generator.from(seed, 'weights', label, tensor.name)),
    ]),
  )
}

/** The usual start of a Linear `[out, in]` with its bias: uniform within ±1/√in (PyTorch's default). */
export const startLinears = (tensors: readonly TensorDefinition[], seed: number, role: string): NamedValues => {
  const bounds = new Map(
    tensors
      .filter(({ name }) => name.endsWith('.weight'))
      .map(({ name, shape }) => [name.slice(0, -'.weight'.length), 1 / Math.sqrt(shape[1])]),
  )
  return Object.fromEntries(
    tensors.map(({ name, shape }) => {
      const bound = bounds.get(name.slice(0, name.lastIndexOf('.'))) ?? 0
      return [name, fill(sizeOfShape(shape), uniform(Generator.from(seed, role, name), bound))]
    }),
  )
}
