/** Every TensorFlow.js kernel that can be traced. */
import type { TraceKernel } from './kernel.js'
import { arithmeticKernels } from './kernels/arithmetic.js'
import { blockKernels } from './kernels/blocks.js'
import { convolutionKernels } from './kernels/convolution.js'
import { einsumKernels } from './kernels/einsum.js'
import { elementwiseKernels } from './kernels/elementwise.js'
import { imageKernels } from './kernels/images.js'
import { layoutKernels } from './kernels/layout.js'
import { normalizationKernels } from './kernels/normalization.js'
import { poolingKernels } from './kernels/pooling.js'
import { productKernels } from './kernels/products.js'
import { reductionKernels } from './kernels/reductions.js'
import { samplingKernels } from './kernels/sampling.js'
import { scatterKernels } from './kernels/scatter.js'
import { selectionKernels } from './kernels/selection.js'

export const traceKernels: readonly TraceKernel[] = [
  ...arithmeticKernels,
  ...blockKernels,
  ...convolutionKernels,
  ...einsumKernels,
  ...elementwiseKernels,
  ...imageKernels,
  ...layoutKernels,
  ...normalizationKernels,
  ...poolingKernels,
  ...productKernels,
  ...reductionKernels,
  ...samplingKernels,
  ...scatterKernels,
  ...selectionKernels,
]
