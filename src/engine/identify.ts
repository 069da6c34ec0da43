/** Finds out which engine this machine can run and in which versions, without loading any of them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { EngineError } from './engine.js'
import type { DeviceName, EngineName } from './request.js'

export interface ResolvedEngine {
  readonly engine: EngineName
  readonly device: DeviceName
  /** Numeric packages and their versions. */
  readonly versions: Readonly<Record<string, string>>
  /** One sentence for the user. */
  readonly why: string
}

/** Packages that bring TensorFlow's own library, the preferred first. */
export const tensorflowPackages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const

const require = createRequire(import.meta.url)

interface InstalledPackage {
  readonly name: string
  readonly directory: string
  readonly version: string
}

const installed = (name: string): InstalledPackage | undefined => {
  let manifest: string
  try {
    manifest = require.resolve(`${name}/package.json`)
  } catch {
    return undefined
  }
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  return { name, directory: dirname(manifest), version }
}

/** Whether the package holds ONNX Runtime's binary for this platform, in whichever N-API version. */
const hasOnnxRuntimeBinary = ({ directory }: InstalledPackage): boolean => {
  const binaries = join(directory, 'bin')
  return (
    existsSync(binaries) &&
    readdirSync(binaries).some((version) =>
      existsSync(join(binaries, version, process.platform, process.arch, 'onnxruntime_binding.node')),
    )
  )
}

/** Whether the package's addon has been downloaded or built; its library is only found missing when it is loaded. */
const hasTensorflowAddon = ({ directory }: InstalledPackage): boolean => {
  const binaries = join(directory, 'lib')
  return (
    existsSync(binaries) &&
    readdirSync(binaries).some((version) => existsSync(join(binaries, version, 'tfjs_binding.node')))
  )
}

const versionsOf = (...packages: readonly (InstalledPackage | undefined)[]): Record<string, string> =>
  Object.fromEntries(packages.flatMap((found) => (found === undefined ? [] : [[found.name, found.version]])))

const tensorflowPackage = (): InstalledPackage | undefined => {
  const found = tensorflowPackages.flatMap((name) => installed(name) ?? [])
  return found.find(hasTensorflowAddon) ?? found[0]
}

/**
 * The engine to use: the one asked for, or with `auto` ONNX Runtime where its binary is there, else TensorFlow where
 * an addon of it is there, else plain JavaScript. An engine asked for by name is not checked: opening it says what is
 * missing.
 */
export const resolveEngine = ({ engine }: { readonly engine: 'auto' | EngineName }): ResolvedEngine => {
  if (!['auto', 'onnxruntime', 'tensorflow', 'cpu'].includes(engine)) {
    throw new EngineError(`there is no engine '${engine}': write auto, onnxruntime, tensorflow or cpu`)
  }
  const core = installed('@tensorflow/tfjs')
  const onnxRuntime = installed('onnxruntime-node')
  const tensorflow = tensorflowPackage()
  const onnxRuntimeWorks = onnxRuntime !== undefined && hasOnnxRuntimeBinary(onnxRuntime)
  const tensorflowWorks = tensorflow !== undefined && hasTensorflowAddon(tensorflow)
  const chosen = engine !== 'auto' ? engine : onnxRuntimeWorks ? 'onnxruntime' : tensorflowWorks ? 'tensorflow' : 'cpu'
  const platform = `${process.platform}-${process.arch}`
  switch (chosen) {
    case 'onnxruntime':
      return {
        engine: chosen,
        device: 'cpu',
        versions: versionsOf(core, onnxRuntime),
        why: engine === 'auto' ? `ONNX Runtime has a binary for ${platform}` : 'it was asked for',
      }
    case 'tensorflow': {
      const gpu = tensorflow?.name === '@tensorflow/tfjs-node-gpu' && existsSync('/dev/nvidia0')
      return {
        engine: chosen,
        device: gpu ? 'cuda' : 'cpu',
        versions: versionsOf(core, tensorflow),
        why: engine === 'auto' ? `ONNX Runtime has no binary for ${platform}, TensorFlow has` : 'it was asked for',
      }
    }
    case 'cpu':
      return {
        engine: chosen,
        device: 'cpu',
        versions: versionsOf(core),
        why:
          engine === 'auto' ? `neither ONNX Runtime nor TensorFlow has a binary for ${platform}` : 'it was asked for',
      }
  }
}
