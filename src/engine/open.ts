/** Opens an engine; only the one asked for is loaded. */
import { type Engine, EngineError, type EngineName, type EngineRequest } from './engine.js'
import { resolveEngine } from './identify.js'

/** Loads an engine's module, and with it the packages that it needs. */
const loaded = async <Module>(engine: EngineName, module: Promise<Module>): Promise<Module> => {
  try {
    return await module
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n')
    throw new EngineError(
      `the engine ${engine} does not load: ${reason}; install its package again, or use another engine`,
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
  switch (engine) {
    case 'onnxruntime':
      return (await loaded(engine, import('./onnx/onnxruntime-engine.js'))).openOnnxRuntime(request, versions)
    case 'tensorflow':
      return (await loaded(engine, import('./tensorflow-engine.js'))).openTensorflow(request, versions)
    case 'cpu':
      return (await loaded(engine, import('./eager-engine.js'))).openEager({ engine, device, backend: 'cpu', versions })
  }
}
