/** Finds out which engines are installed and in which versions, by looking at files; nothing is loaded. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { EngineName } from './request.js'
import { locateTensorflow, tensorflowPackages, tensorflowVersions } from './tensorflow/locate.js'

export { tensorflowPackages } from './tensorflow/locate.js'

/** Every name that `installedVersions` can hold. */
export const numericPackages: readonly string[] = [
  '@tensorflow/tfjs',
  'onnxruntime-node',
  ...tensorflowPackages,
  'libtensorflow',
]

export interface InstalledPackage {
  readonly name: string
  readonly directory: string
  readonly version: string
}

const require = createRequire(import.meta.url)

export const installedPackage = (name: string): InstalledPackage | undefined => {
  try {
    // genepool: opaque only versions are read, and they are part of the engine's identity
    const manifest = require.resolve(`${name}/package.json`)
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
    return { name, directory: dirname(manifest), version }
  } catch {
    return undefined
  }
}

/** Folder of ONNX Runtime's binaries for this platform: its addon, its library, and CUDA's provider where installed. */
export const onnxRuntimeBinaries = ({ directory }: InstalledPackage): string | undefined => {
  const all = join(directory, 'bin')
  if (!existsSync(all)) return undefined
  return readdirSync(all)
    .map((version) => join(all, version, process.platform, process.arch))
    .find((folder) => existsSync(join(folder, 'onnxruntime_binding.node')))
}

const versionsOf = (...packages: readonly (InstalledPackage | undefined)[]): Record<string, string> =>
  Object.fromEntries(packages.flatMap((found) => (found === undefined ? [] : [[found.name, found.version]])))

/** The versions that are part of a result's identity, the engine's own library last. What is not installed is not named. */
export const installedVersions = (engine: EngineName): Readonly<Record<string, string>> => {
  const core = installedPackage('@tensorflow/tfjs')
  switch (engine) {
    case 'onnxruntime':
      return versionsOf(core, installedPackage('onnxruntime-node'))
    case 'tensorflow': {
      const located = locateTensorflow()
      return { ...versionsOf(core), ...(located === undefined ? {} : tensorflowVersions(located)) }
    }
    case 'cpu':
      return versionsOf(core)
  }
}
