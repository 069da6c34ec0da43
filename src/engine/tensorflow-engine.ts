/** The engine that runs eagerly on TensorFlow's own library. */
import { openEager } from './eager-engine.js'
import { type Engine, EngineError, type EngineRequest } from './engine.js'
import { tensorflowPackages } from './identify.js'

/** What the packages `@tensorflow/tfjs-node-gpu` and `@tensorflow/tfjs-node` register themselves as. */
const backend = 'tensorflow'

/** Loads the first package of the two that is installed and works. */
export const openTensorflow = async (
  request: EngineRequest,
  versions: Readonly<Record<string, string>>,
): Promise<Engine> => {
  // Read by the library when it is loaded.
  process.env['TF_NUM_INTRAOP_THREADS'] ??= String(request.threads)
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2'
  const failures: string[] = []
  for (const name of tensorflowPackages) {
    try {
      await import(name)
      return openEager({ engine: 'tensorflow', device: request.device, backend, versions })
    } catch (error) {
      const [reason] = (error instanceof Error ? error.message : String(error)).split('\n')
      failures.push(`${name}: ${reason}`)
    }
  }
  throw new EngineError(
    `the engine tensorflow does not load (${failures.join('; ')}); install @tensorflow/tfjs-node, ` +
      'or @tensorflow/tfjs-node-gpu for an NVIDIA GPU, with their library, or use the engine onnxruntime or cpu',
  )
}
