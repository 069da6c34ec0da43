/** The kernel of `operations.ts` that TensorFlow.js does not have. */
import { normalizeKernel } from '../../operations.js'
import { kernel, required, type TraceKernel } from '../kernel.js'

export const normalizationKernels: readonly TraceKernel[] = [
  kernel<{ eps: number }>(normalizeKernel, (graph, inputs, { eps }) => {
    const x = required(inputs, 'x')
    const width = [x.shape.at(-1)!]
    const statistics = { shape: [...x.shape.slice(0, -1), 1], type: x.type }
    const [normal, , inverse] = graph.nodes(
      'LayerNormalization',
      [x, graph.uniform('float32', width, 1)],
      [x, statistics, statistics],
      { axis: { int: -1 }, epsilon: { float: eps } },
    )
    return [normal!, inverse!]
  }),
]
