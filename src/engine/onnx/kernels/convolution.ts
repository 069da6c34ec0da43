/** Convolutions: TensorFlow.js has channels last and filters `[height, width, in, out]`, ONNX channels first. */
import * as tf from '@tensorflow/tfjs'
import type { Attributes, Graph, GraphValue } from '../graph.js'
import { kernel, required, type TraceKernel } from '../kernel.js'
import { slice, transpose } from './layout.js'

type Shape4 = [number, number, number, number]

interface ConvolutionAttributes {
  readonly strides: [number, number] | number
  readonly pad: Parameters<typeof tf.backend_util.computeConv2DInfo>[4]
  readonly dataFormat: 'NHWC' | 'NCHW'
  readonly dilations?: [number, number] | number
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil'
}

const channelsFirst = [0, 3, 1, 2]
const channelsLast = [0, 2, 3, 1]

const infoOf = (input: readonly number[], filter: readonly number[], attributes: ConvolutionAttributes) => {
  if (attributes.dataFormat !== 'NHWC') throw new Error('a convolution with channels first cannot be traced')
  return tf.backend_util.computeConv2DInfo(
    input as Shape4,
    filter as Shape4,
    attributes.strides,
    attributes.dilations ?? 1,
    attributes.pad,
    attributes.dimRoundingMode,
  )
}

const convolve = (
  graph: Graph,
  x: GraphValue,
  filter: GraphValue,
  output: readonly number[],
  attributes: Attributes,
): GraphValue => graph.node('Conv', [x, filter], { shape: output, type: 'float32' }, attributes)

export const convolutionKernels: readonly TraceKernel[] = [
  kernel<ConvolutionAttributes>('Conv2D', (graph, inputs, attributes) => {
    const [x, filter] = [required(inputs, 'x'), required(inputs, 'filter')]
    const info = infoOf(x.shape, filter.shape, attributes)
    const { top, left, bottom, right } = info.padInfo
    const output = [info.batchSize, info.outChannels, info.outHeight, info.outWidth]
    const result = convolve(graph, transpose(graph, x, channelsFirst), transpose(graph, filter, [3, 2, 0, 1]), output, {
      strides: { ints: [info.strideHeight, info.strideWidth] },
      dilations: { ints: [info.dilationHeight, info.dilationWidth] },
      pads: { ints: [top, left, bottom, right] },
    })
    return transpose(graph, result, channelsLast)
  }),
  // The filter's gradient is a convolution over the batch: samples act as channels, and strides as dilations.
  kernel<ConvolutionAttributes & { filterShape: Shape4 }>('Conv2DBackpropFilter', (graph, inputs, attributes) => {
    const [x, dy] = [required(inputs, 'x'), required(inputs, 'dy')]
    const info = infoOf(x.shape, attributes.filterShape, attributes)
    const { top, left, bottom, right } = info.padInfo
    const [height, width, inChannels, outChannels] = attributes.filterShape
    const covered = (extent: number, before: number, after: number, stride: number, out: number) =>
      extent + before + after - stride * (out - 1)
    const full = [
      covered(info.inHeight, top, bottom, info.strideHeight, info.outHeight),
      covered(info.inWidth, left, right, info.strideWidth, info.outWidth),
    ] as const
    const result = convolve(
      graph,
      transpose(graph, x, [3, 0, 1, 2]),
      transpose(graph, dy, [3, 0, 1, 2]),
      [inChannels, outChannels, ...full],
      {
        dilations: { ints: [info.strideHeight, info.strideWidth] },
        pads: { ints: [top, left, bottom, right] },
      },
    )
    // What a stride leaves over at the far edges never met the filter.
    const met = slice(graph, result, [0, 0, 0, 0], [inChannels, outChannels, height, width])
    return transpose(graph, met, [2, 3, 0, 1])
  }),
  kernel<ConvolutionAttributes & { inputShape: Shape4 }>('Conv2DBackpropInput', (graph, inputs, attributes) => {
    const [dy, filter] = [required(inputs, 'dy'), required(inputs, 'filter')]
    const info = infoOf(attributes.inputShape, filter.shape, attributes)
    const { top, left, bottom, right } = info.padInfo
    const over = (extent: number, before: number, after: number, stride: number, out: number, size: number) =>
      extent + before + after - (stride * (out - 1) + size)
    const { inHeight, inWidth, outHeight, outWidth, strideHeight, strideWidth, filterHeight, filterWidth } = info
    const result = graph.node(
      'ConvTranspose',
      [transpose(graph, dy, channelsFirst), transpose(graph, filter, [3, 2, 0, 1])],
      { shape: [info.batchSize, info.inChannels, inHeight, inWidth], type: 'float32' },
      {
        strides: { ints: [strideHeight, strideWidth] },
        pads: { ints: [top, left, bottom, right] },
        output_padding: {
          ints: [
            over(inHeight, top, bottom, strideHeight, outHeight, filterHeight),
            over(inWidth, left, right, strideWidth, outWidth, filterWidth),
          ],
        },
      },
    )
    return transpose(graph, result, channelsLast)
  }),
]
