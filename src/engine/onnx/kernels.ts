/** Every TensorFlow.js kernel that can be traced. */
import type { TraceKernel } from './kernel.js'
import { arithmeticKernels } from './kernels/arithmetic.js'
import { convolutionKernels } from './kernels/convolution.js'
import { elementwiseKernels } from './kernels/elementwise.js'
import { layoutKernels } from './kernels/layout.js'
import { productKernels } from './kernels/products.js'
import { reductionKernels } from './kernels/reductions.js'
import { selectionKernels } from './kernels/selection.js'

export const traceKernels: readonly TraceKernel[] = [
  ...arithmeticKernels,
  ...convolutionKernels,
  ...elementwiseKernels,
  ...layoutKernels,
  ...productKernels,
  ...reductionKernels,
  ...selectionKernels,
]
