/** A model as one ONNX file: `pixels` `[batch, h, w, c]`, normalised → `logits` `[batch, classes]`. */
import type * as tf from '@tensorflow/tfjs-core'
import { exportOnnx } from '../../engine/onnx/export.js'
import type { WeightPrecision } from '../../engine/onnx/graph/graph.js'
import { pixelSpec } from '../data/dataset.js'
import type { RunnableModel } from '../runnable-model.js'
import { type ModelDescription, descriptionTexts } from '../weights/exported-model.js'

/** The file's bytes, the same for the same model and description. */
export const onnxBytes = (
  model: RunnableModel,
  description: ModelDescription,
  precision: WeightPrecision,
): Uint8Array =>
  exportOnnx({
    label: model.descendant?.name ?? 'model',
    fn: ({ pixels, ...params }) => ({ logits: model.logits(params, pixels as tf.Tensor4D) }),
    inputs: (rows) => ({ pixels: pixelSpec(model.config, rows) }),
    weights: Object.fromEntries(
      model.tensors.map(({ name, shape }) => [name, { shape, values: model.values[name] }] as const),
    ),
    precision,
    metadata: descriptionTexts(description),
  })
