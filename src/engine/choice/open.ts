/** Opens an engine; only the one asked for is loaded. */
import { sentenceOf } from '../../base/errors.js'
import { type Engine, EngineError } from '../engine.js'
import type { EngineName, EngineOptions } from '../request.js'
import { installedVersions } from '../installed.js'

/** Loads an engine's module, and with it the packages that it needs. */
const loaded = async <Module>(engine: EngineName, module: Promise<Module>): Promise<Module> => {
  try {
    return await module
  } catch (error) {
    const [reason] = sentenceOf(error).split('\n')
    throw new EngineError(
      `the engine ${engine} does not load: ${reason}; install its package again, or use another engine`,
      { cause: error },
    )
  }
}

const load = async (request: EngineOptions, versions: Readonly<Record<string, string>>): Promise<Engine> => {
  const { engine, device } = request
  switch (engine) {
    case 'onnxruntime':
      return (await loaded(engine, import('../onnx/onnxruntime-engine.js'))).openOnnxRuntime(request, versions)
    case 'tensorflow':
      return (await loaded(engine, import('../tensorflow/tensorflow-engine.js'))).openTensorflow(request, versions)
    case 'cpu':
      return (await loaded(engine, import('../eager-engine.js'))).openEager({
        engine,
        device,
        backend: 'cpu',
        versions,
      })
  }
}

/** Another version would compute under the name of the one that the result is filed under. */
const checkVersions = (wanted: Readonly<Record<string, string>>, installed: Readonly<Record<string, string>>): void => {
  for (const name of new Set([...Object.keys(wanted), ...Object.keys(installed)])) {
    if (wanted[name] === installed[name]) continue
    const [before, now] = [wanted[name], installed[name]].map((version) => version ?? 'not installed')
    throw new EngineError(`${name} has changed since the run began (${before} → ${now}); run again`)
  }
}

/** Throws an EngineError that says what to do where a package is missing or does not load. */
export const openEngine = async (request: EngineOptions): Promise<Engine> => {
  const { engine, device, deviceIndex, threads } = request
  if (!Number.isSafeInteger(threads) || threads < 1) {
    throw new EngineError(`an engine needs a whole number of threads, at least 1; ${threads} was asked for`)
  }
  if (engine === 'cpu' && device !== 'cpu') {
    throw new EngineError(`the engine cpu runs on the device cpu only; ${device} was asked for`)
  }
  if (engine === 'tensorflow' && device === 'webgpu') {
    throw new EngineError('the engine tensorflow runs on the devices cpu and cuda; webgpu was asked for')
  }
  if (deviceIndex !== undefined && (!Number.isSafeInteger(deviceIndex) || deviceIndex < 0)) {
    throw new EngineError(`a device's index is a whole number, 0 or more; ${deviceIndex} was asked for`)
  }
  const versions = installedVersions(engine)
  if (request.versions !== undefined) checkVersions(request.versions, versions)
  const opened = await load(request, versions)
  if (opened.name === engine && opened.device === device) return opened
  await opened.release()
  throw new EngineError(`${engine} on ${device} was asked for, but ${opened.name} opened on ${opened.device}`)
}
