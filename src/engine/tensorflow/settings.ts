/** What TensorFlow's library reads from the environment when it is loaded, which happens once in a process. */
import type { EngineRequest } from '../engine.js'

/**
 * Runs the body, which loads the library, with settings for the request. What the user has set himself stays as it is, but
 * for the GPUs of an engine that is to run on the CPU. Other libraries see the process's GPUs as before.
 */
export const withSettings = <T>({ device, deviceIndex, threads }: EngineRequest, body: () => T): T => {
  // Sessions read these later.
  process.env['TF_NUM_INTRAOP_THREADS'] ??= String(threads)
  // Branches of the gradient side by side: measured a tenth faster than threads inside operations alone, with the same
  // bytes as the result.
  process.env['TF_NUM_INTEROP_THREADS'] ??= String(threads)
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2'
  // Memory is taken as it is needed, so that another process can use the GPU too.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true'
  const visible = process.env['CUDA_VISIBLE_DEVICES']
  if (device === 'cpu') process.env['CUDA_VISIBLE_DEVICES'] = '-1'
  else if (deviceIndex !== undefined) process.env['CUDA_VISIBLE_DEVICES'] = nth(visible, deviceIndex)
  try {
    return body()
  } finally {
    if (visible === undefined) delete process.env['CUDA_VISIBLE_DEVICES']
    else process.env['CUDA_VISIBLE_DEVICES'] = visible
  }
}

/** The GPU with this number among those that are visible. */
const nth = (visible: string | undefined, index: number): string =>
  visible === undefined || visible === '' ? String(index) : (visible.split(',')[index] ?? '-1')
