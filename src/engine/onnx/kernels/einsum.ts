/** Sums of products by their indices' names. */
import { kernel, type TraceKernel } from '../kernel.js'

export const einsumKernels: readonly TraceKernel[] = [
  kernel<{ equation: string }>('Einsum', (graph, inputs, attributes) => {
    const factors = Object.values(inputs)
    const equation = attributes.equation.replaceAll(/\s/g, '')
    const [given, made] = equation.split('->') as [string, string]
    const extents = new Map<string, number>()
    given
      .split(',')
      .forEach((names, factor) => [...names].forEach((name, axis) => extents.set(name, factors[factor]!.shape[axis]!)))
    const shape = [...made].map((name) => extents.get(name)!)
    return graph.node('Einsum', factors, { shape, type: factors[0]!.type }, { equation: { text: equation } })
  }),
]
