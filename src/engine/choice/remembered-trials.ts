/**
 * What trials have found out, kept in the user's cache folder: a run that has nothing to do must not load an engine. It
 * holds as long as nothing changes that could decide whether an engine loads (`surroundingsKey`).
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, cacheFolderMode, home } from '../../base/cache-folder.js'
import { makeFolder, removeOldest, writeFileAtomic } from '../../base/files.js'
import { isObject } from '../../base/objects.js'
import { installedPackage, locateTensorflow, numericPackages, onnxRuntimeBinaries } from '../installed.js'
import { gpuFiles, mayUse, nvidiaDriver } from './gpus.js'
import type { Trial } from './trial.js'

/** Raised when a trial comes to mean something else. */
const scheme = 1

/** Variables that loaders, drivers and the engines read; two of this program's own only tell runs of each other. */
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

/**
 * Everything that can change whether an engine loads, as one hash: sha256, hexadecimal. Reads names, times and small
 * files, which takes a few milliseconds.
 */
export const surroundingsKey = (): string => {
  const facts = {
    scheme,
    node: [process.version, process.versions.modules, process.platform, process.arch],
    packages: numericPackages.flatMap((name) => {
      const found = installedPackage(name)
      return found === undefined ? [] : [[name, found.version, found.folder]]
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

interface Entry {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly trial: Trial
}

/** The reason of a failure may be none of what the hash sees; it is tried again after a day. */
const failureHoldsMs = 86_400_000

const keptFiles = 64

const folder = (): string => join(cacheFolder(), 'engines')

const isEntry = (value: unknown): value is Entry =>
  isObject(value) &&
  typeof value['at'] === 'number' &&
  isObject(value['trial']) &&
  typeof value['trial']['loads'] === 'boolean'

const readEntries = (file: string): Readonly<Record<string, Entry>> => {
  try {
    const parsed = JSON.parse(readFileSync(file, 'utf8')) as object
    return Object.fromEntries(Object.entries(parsed).filter((entry): entry is [string, Entry] => isEntry(entry[1])))
  } catch {
    // None yet, or damaged: it is found out again.
    return {}
  }
}

export class RememberedTrials {
  readonly #file: string

  /** `surroundings` is what `surroundingsKey` gives. */
  constructor(surroundings: string) {
    this.#file = join(folder(), `${surroundings}.json`)
  }

  get(name: string): Trial | undefined {
    const entry = readEntries(this.#file)[name]
    if (entry === undefined) return undefined
    return entry.trial.loads || Math.abs(Date.now() - entry.at) < failureHoldsMs ? entry.trial : undefined
  }

  /** Where the folder cannot be written, the next run tries the engine again, nothing else. */
  set(name: string, trial: Trial): void {
    try {
      makeFolder(folder(), cacheFolderMode)
      writeFileAtomic(this.#file, JSON.stringify({ ...readEntries(this.#file), [name]: { at: Date.now(), trial } }))
      removeOldest(folder(), keptFiles)
    } catch {
      // See above.
    }
  }
}
