/** Finds out which engines are installed and in which versions, by looking at files; nothing of them is loaded. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { cacheFolder } from '../base/cache-folder.js'
import { isObject } from '../base/objects.js'
import type { EngineName } from './request.js'

/** Packages that bring TensorFlow's own library, the preferred first. */
const tensorflowPackages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const

/** Every name that `installedVersions` can hold. */
export const numericPackages: readonly string[] = [
  '@tensorflow/tfjs-core',
  'onnxruntime-node',
  ...tensorflowPackages,
  'libtensorflow',
]

export interface NumericPackage {
  readonly name: string
  readonly folder: string
  readonly version: string
}

const require = createRequire(import.meta.url)

const readJson = (file: string): unknown => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

export const installedPackage = (name: string): NumericPackage | undefined => {
  try {
    // genepool: opaque only versions are read, and they are part of the engine's identity
    const manifest = require.resolve(`${name}/package.json`)
    return { name, folder: dirname(manifest), version: (readJson(manifest) as { version: string }).version }
  } catch {
    return undefined
  }
}

/** The version of TensorFlow.js, which the JavaScript of TensorFlow's addon has to have too. */
export const tfjsVersion = (): string | undefined => installedPackage('@tensorflow/tfjs-core')?.version

/** Folder of ONNX Runtime's binaries for this platform: its addon, its library, and CUDA's provider where installed. */
export const onnxRuntimeBinaries = ({ folder }: NumericPackage): string | undefined => {
  const all = join(folder, 'bin')
  if (!existsSync(all)) return undefined
  return readdirSync(all)
    .map((version) => join(all, version, process.platform, process.arch))
    .find((binaries) => existsSync(join(binaries, 'onnxruntime_binding.node')))
}

export interface LocatedTensorflow {
  /** Made by `genepool engine build tensorflow`, or installed by npm. */
  readonly origin: 'build' | 'package'
  /** The npm package whose JavaScript is used. */
  readonly name: string
  readonly version: string
  /** The package's folder, with its JavaScript in `dist/`. */
  readonly folder: string
  readonly addon: string
  /** Shared libraries that the addon loads. */
  readonly libraries: readonly string[]
  /** Version of TensorFlow's library; unknown where the package's files do not say it. */
  readonly libtensorflow: string | undefined
  /** Whether the library has code for NVIDIA GPUs. */
  readonly gpu: boolean
}

/** What `manifest.json` of a build says. */
export interface BuildManifest {
  readonly package: { readonly name: string; readonly version: string }
  readonly libtensorflow: string
  readonly gpu: boolean
  /** Where the library came from, in words. */
  readonly from: string
  /** `linux-x64`, `darwin-arm64`, … */
  readonly platform: string
  readonly compiler: string
  /** ISO time. */
  readonly builtAt: string
  /** Bytes and SHA-256 of the addon and of every library by their path in the build. */
  readonly files: Readonly<Record<string, { readonly size: number; readonly sha256: string }>>
}

/** The folder that holds a folder for each build. */
export const buildsFolder = (): string => join(cacheFolder(), 'tensorflow')

export const addonFile = 'addon/tfjs_binding.node'

const isManifest = (value: unknown): value is BuildManifest =>
  isObject(value) && 'package' in value && 'files' in value && 'builtAt' in value

interface Build {
  readonly folder: string
  readonly manifest: BuildManifest
}

const builds = (): readonly Build[] => {
  const all = buildsFolder()
  if (!existsSync(all)) return []
  return readdirSync(all)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => {
      const folder = join(all, name)
      const manifest = readJson(join(folder, 'manifest.json'))
      return isManifest(manifest) ? [{ folder, manifest }] : []
    })
}

const locateBuild = (): LocatedTensorflow | undefined => {
  const wanted = tfjsVersion()
  const target = `${process.platform}-${process.arch}`
  const fitting = builds()
    .filter(({ manifest }) => manifest.package.version === wanted && manifest.platform === target)
    .sort((a, b) => (a.manifest.builtAt < b.manifest.builtAt ? 1 : -1))
  const newest = fitting[0]
  if (newest === undefined) return undefined
  const { folder, manifest } = newest
  return {
    origin: 'build',
    name: manifest.package.name,
    version: manifest.package.version,
    folder: join(folder, 'package'),
    addon: join(folder, addonFile),
    libraries: Object.keys(manifest.files)
      .filter((file) => file !== addonFile)
      .map((file) => join(folder, file)),
    libtensorflow: manifest.libtensorflow,
    gpu: manifest.gpu,
  }
}

/** The library's version is in the name of the file that the other names point to. */
const libraryVersion = (names: readonly string[]): string | undefined =>
  names.flatMap((name) => /^libtensorflow\.(?:so\.)?(\d+\.\d+\.\d+)/.exec(name)?.[1] ?? [])[0]

const locatePackage = (name: string): LocatedTensorflow | undefined => {
  const found = installedPackage(name)
  if (found === undefined) return undefined
  const { folder, version } = found
  const binaries = join(folder, 'lib')
  const addon = existsSync(binaries)
    ? readdirSync(binaries)
        .map((napi) => join(binaries, napi, 'tfjs_binding.node'))
        .find((file) => existsSync(file))
    : undefined
  if (addon === undefined) return undefined
  const folderOfLibraries = join(folder, 'deps', 'lib')
  const names = existsSync(folderOfLibraries) ? readdirSync(folderOfLibraries) : []
  return {
    origin: 'package',
    name,
    version,
    folder,
    addon,
    libraries: names
      .map((library) => join(folderOfLibraries, library))
      .filter((file) => existsSync(file) && statSync(file).isFile()),
    libtensorflow: libraryVersion(names),
    gpu: name === '@tensorflow/tfjs-node-gpu',
  }
}

/**
 * The newest build that fits the installed TensorFlow.js, else the first installed package that has its addon;
 * undefined where there is neither.
 */
export const locateTensorflow = (): LocatedTensorflow | undefined =>
  locateBuild() ?? tensorflowPackages.flatMap((name) => locatePackage(name) ?? [])[0]

/** Versions that are part of a result's identity. */
export const tensorflowVersions = ({ name, version, libtensorflow }: LocatedTensorflow): Record<string, string> => ({
  [name]: version,
  ...(libtensorflow === undefined ? {} : { libtensorflow }),
})

const versionsOf = (...packages: readonly (NumericPackage | undefined)[]): Record<string, string> =>
  Object.fromEntries(packages.flatMap((found) => (found === undefined ? [] : [[found.name, found.version]])))

/** The versions that are part of a result's identity, the engine's own library last; only of what is installed. */
export const installedVersions = (engine: EngineName): Readonly<Record<string, string>> => {
  const core = installedPackage('@tensorflow/tfjs-core')
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
