/** Every TensorFlow.js kernel that can be traced, and why the others cannot. */
import { convolutionKernels } from './convolution.js'
import { arithmeticKernels, elementwiseKernels } from './elementwise.js'
import { scatterKernels, selectionKernels } from './gather-scatter.js'
import { imageKernels, samplingKernels } from './images.js'
import type { TraceKernel } from './kernel.js'
import { blockKernels, layoutKernels } from './layout.js'
import { poolingKernels } from './pooling.js'
import { einsumKernels, productKernels } from './products.js'
import { normalizationKernels, reductionKernels } from './reductions.js'

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

const shapeFromValues = 'the shape of its result depends on values, which a traced tensor does not have'

const complexNumbers = 'ONNX operators do not take complex numbers'

const strings = 'it works on strings'

const noOperator = 'no ONNX operator computes it'

/** Kernel → a clause that goes on from "cannot be traced: ". */
export const untracedKernels: Readonly<Record<string, string>> = {
  BroadcastArgs: 'its result is a shape that depends on values, which a traced tensor does not have',
  Complex: complexNumbers,
  ComplexAbs: complexNumbers,
  Dilation2D: noOperator,
  Dilation2DBackpropFilter: noOperator,
  Dilation2DBackpropInput: noOperator,
  Draw: 'it draws on a canvas',
  FFT: complexNumbers,
  IFFT: complexNumbers,
  Imag: complexNumbers,
  Multinomial: 'it draws random numbers',
  NonMaxSuppressionV3: shapeFromValues,
  NonMaxSuppressionV4: shapeFromValues,
  NonMaxSuppressionV5: shapeFromValues,
  RaggedGather: shapeFromValues,
  RaggedRange: shapeFromValues,
  RaggedTensorToTensor: shapeFromValues,
  Real: complexNumbers,
  SparseFillEmptyRows: shapeFromValues,
  SparseReshape: shapeFromValues,
  SparseSegmentMean: shapeFromValues,
  SparseSegmentSum: shapeFromValues,
  StaticRegexReplace: strings,
  StringNGrams: strings,
  StringSplit: strings,
  StringToHashBucketFast: strings,
  Unique: shapeFromValues,
}
