/**
 * Everything that can change whether an engine loads, as one hash: what a trial found out holds as long as this does.
 * Reads names, times and small files; a few milliseconds.
 */
import { createHash } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { home } from '../cache-folder.js'
import { installedPackage, numericPackages, onnxRuntimeBinaries } from '../identify.js'
import { locateTensorflow } from '../tensorflow/locate.js'
import { gpuFiles, mayUse, nvidiaDriver } from './machine.js'

/** Raised when a trial comes to mean something else. */
const scheme = 1

/** Variables that loaders, drivers and the engines read; how runs find each other is none of their concern. */
const telling =
  /^(VK_|CUDA_|NVIDIA_|LD_|DYLD_|TF_|ORT_|MESA_|DRI_|XDG_RUNTIME_DIR$|GENEPOOL_(?!(?:LEASES|WORKER)$)|NODE_OPTIONS$)/

/** Size and times: a file that was replaced differs. */
const identityOf = (file: string): string => {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? 'missing' : `${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`
}

const filesOf = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder)
      .sort()
      .map((name) => join(folder, name))
  } catch {
    return []
  }
}

const identities = (files: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(files.map((file) => [file, identityOf(file)]))

/** Where Vulkan's loader looks for drivers. */
const vulkanFolders = (): readonly string[] =>
  ['/etc', '/usr/share', '/usr/local/share', join(home(), '.local/share')].map((place) =>
    join(place, 'vulkan', 'icd.d'),
  )

/** What the engines are made of. */
const nativeFiles = (): readonly string[] => {
  const onnxRuntime = installedPackage('onnxruntime-node')
  const folder = onnxRuntime === undefined ? undefined : onnxRuntimeBinaries(onnxRuntime)
  const tensorflow = locateTensorflow()
  return [
    ...(folder === undefined ? [] : filesOf(folder)),
    ...(tensorflow === undefined ? [] : [tensorflow.addon, ...tensorflow.libraries]),
  ]
}

/** sha256, hexadecimal. */
export const surroundingsKey = (): string => {
  const facts = {
    scheme,
    node: [process.version, process.versions.modules, process.platform, process.arch],
    packages: numericPackages.flatMap((name) => {
      const found = installedPackage(name)
      return found === undefined ? [] : [[name, found.version, found.directory]]
    }),
    // The loader's cache is rewritten whenever a system library is installed.
    files: identities([...nativeFiles(), ...vulkanFolders().flatMap(filesOf), '/etc/ld.so.cache']),
    devices: gpuFiles().any.map((file) => [file, mayUse(file)]),
    driver: nvidiaDriver(),
    environment: Object.entries(process.env)
      .filter(([name]) => telling.test(name))
      .sort(),
  }
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex')
}
