/** What `onnxruntime-node` brings for other platforms than this one: most of its size, and npm can leave none of it. */
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../engine.js'
import { installedPackage, onnxRuntimeBinaries } from '../installed.js'

interface Removed {
  readonly folder: string
  readonly bytes: number
}

const foldersIn = (folder: string): readonly string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name))

const sizeOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0)

/** Removes the libraries for other platforms. Throws an EngineError where this platform's are not there. */
export const removeOtherPlatforms = (found = installedPackage('onnxruntime-node')): readonly Removed[] => {
  if (found === undefined) throw new EngineError('onnxruntime-node is not installed; run npm install onnxruntime-node')
  const kept = onnxRuntimeBinaries(found)
  if (kept === undefined) {
    const platform = `${process.platform}-${process.arch}`
    throw new EngineError(`onnxruntime-node has no libraries for ${platform} in ${found.folder}; nothing was removed`)
  }
  return foldersIn(join(found.folder, 'bin'))
    .flatMap(foldersIn)
    .flatMap(foldersIn)
    .filter((folder) => folder !== kept)
    .map((folder) => {
      const bytes = sizeOf(folder)
      rmSync(folder, { recursive: true })
      return { folder, bytes }
    })
}
