/** TensorFlow.js has one selected backend for the whole process; several engines share it. */
import { createRequire } from 'node:module'
// oxlint-disable-next-line import/no-unassigned-import -- it registers itself
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { EngineError } from './engine.js'

// The core registers its gradients in a file that Node cannot load: the build makes one of it that Node can.
// genepool: opaque it is of the version that is part of the engine's identity
createRequire(import.meta.url)('#gradients')

/** A backend that needs no awaiting is selected before `setBackend` returns its promise. */
const select = (name: string): void => {
  void tf.setBackend(name)
  if (tf.getBackend() !== name) throw new EngineError(`TensorFlow.js could not select the backend ${name}`)
}

/**
 * Runs a synchronous body with this backend selected, disposes the tensors it made, and selects the backend from
 * before again (`cpu` where none was).
 */
export const withBackend = <T>(name: string, body: () => T): T => {
  const previous = tf.getBackend() || 'cpu'
  tf.engine().startScope()
  try {
    select(name)
    return body()
  } finally {
    tf.engine().endScope()
    select(previous)
  }
}
