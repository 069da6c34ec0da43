/** Opens an engine; only the one asked for is loaded. */
import { type Engine, EngineError, type EngineRequest } from './engine.js'
import { resolveEngine } from './identify.js'

const loading = async <T>(what: string, load: () => Promise<T>): Promise<T> => {
  try {
    return await load()
  } catch (error) {
    if (error instanceof EngineError) throw error
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n')
    throw new EngineError(
      `the engine ${what} does not load: ${reason}; install its package again, or use another engine`,
      { cause: error },
    )
  }
}

/** Throws an EngineError that says what to do where a package is missing or does not load. */
export const openEngine = async (request: EngineRequest): Promise<Engine> => {
  const { engine, device, threads } = request
  if (!Number.isSafeInteger(threads) || threads < 1) {
    throw new EngineError(`an engine needs a whole number of threads, at least 1; ${threads} was asked for`)
  }
  if (engine === 'cpu' && device !== 'cpu') {
    throw new EngineError(`the engine cpu runs on the device cpu only; ${device} was asked for`)
  }
  const { versions } = resolveEngine({ engine })
  return loading(engine, async () => {
    switch (engine) {
      case 'onnxruntime':
        return (await import('./onnx/onnxruntime-engine.js')).openOnnxRuntime(request, versions)
      case 'tensorflow':
        return (await import('./tensorflow-engine.js')).openTensorflow(request, versions)
      case 'cpu':
        return (await import('./eager-engine.js')).openEager({ engine, device, backend: 'cpu', versions })
    }
  })
}
