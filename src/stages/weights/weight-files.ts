/**
 * Which files pretrained weights are made of: safetensors, one file or several by an index, and what says how they are
 * to be read. Only names are looked at, and of shards the index.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { sentenceOf } from '../../base/errors.js'
import { isObject } from '../../base/objects.js'
import { readWholeFile } from '../../base/files.js'
import { ModelFileError } from '../model/model-file-error.js'
import { isHubModel, snapshotOf } from './hub-cache.js'

/**
 * Absolute paths by role: `weights` or, of several files, `weights/<file name>` each and `index`; `config`, and
 * `preprocessor` where it is there.
 */
export type WeightFiles = Readonly<Record<string, string>>

const SINGLE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'

/** The largest text file that is read beside weights. */
const MOST_TEXT_BYTES = 4e6

const MOST_SHARDS = 1_000

/** A JSON object beside weights. A ModelFileError names the file where it is none. */
export const readJsonObject = (path: string): Readonly<Record<string, unknown>> => {
  const bytes = statSync(path, { throwIfNoEntry: false })?.size
  if (bytes === undefined) throw new ModelFileError(`${path}: there is no such file`)
  if (bytes > MOST_TEXT_BYTES) throw new ModelFileError(`${path}: ${bytes} bytes are too many for a configuration`)
  let text: string
  try {
    text = readWholeFile(path).toString('utf8')
  } catch (cause) {
    throw new ModelFileError(`${path}: cannot be read: ${sentenceOf(cause)}`, { cause })
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ModelFileError(`${path}: is not JSON`, { cause })
  }
  if (!isObject(value)) throw new ModelFileError(`${path}: is not a JSON object`)
  return value
}

/** By tensor, the name of the file that holds it. */
export const readWeightMap = (index: string): ReadonlyMap<string, string> => {
  const { weight_map: map } = readJsonObject(index)
  if (!isObject(map)) throw new ModelFileError(`${index}: has no weight_map`)
  for (const [tensor, file] of Object.entries(map)) {
    const isName = typeof file === 'string' && file.endsWith('.safetensors') && basename(file) === file
    if (isName && !file.includes('\\')) continue
    throw new ModelFileError(`${index}: tensor ${tensor} is in ${JSON.stringify(file)}, which is no file beside it`)
  }
  return new Map(Object.entries(map) as [string, string][])
}

const besideOf = (folder: string): WeightFiles => {
  const preprocessor = join(folder, 'preprocessor_config.json')
  return { config: join(folder, 'config.json'), ...(existsSync(preprocessor) && { preprocessor }) }
}

const ofIndex = (index: string): WeightFiles => {
  const folder = dirname(index)
  const names = [...new Set(readWeightMap(index).values())].sort()
  if (names.length > MOST_SHARDS) {
    throw new ModelFileError(`${index}: names ${names.length} files; up to ${MOST_SHARDS} are read`)
  }
  return {
    index,
    ...Object.fromEntries(names.map((name) => [`weights/${name}`, join(folder, name)])),
    ...besideOf(folder),
  }
}

const listed = (folder: string, names: readonly string[]): string => names.map((name) => join(folder, name)).join(', ')

const inFolder = (folder: string): WeightFiles => {
  const names = readdirSync(folder).sort()
  if (names.includes(SINGLE)) return { weights: join(folder, SINGLE), ...besideOf(folder) }
  if (names.includes(INDEX)) return ofIndex(join(folder, INDEX))
  const safetensors = names.filter((name) => name.endsWith('.safetensors'))
  // A file of PyTorch's is refused where it is read, with the command that converts it.
  const candidates = safetensors.length > 0 ? safetensors : names.filter((name) => /\.(bin|pth?|ckpt)$/.test(name))
  if (candidates.length === 1) return { weights: join(folder, candidates[0]), ...besideOf(folder) }
  const several = candidates.length > 1 ? `; name one of ${listed(folder, candidates)}` : ''
  const students = join(folder, 'students')
  const inside = existsSync(students) ? `; it holds the models ${listed(students, readdirSync(students))}` : several
  throw new ModelFileError(`${folder}: this folder is no model, it has no ${SINGLE}${inside}`)
}

/** A download may have been left half done, by another library than ours. */
const ofHub = (path: string): WeightFiles => {
  const snapshot = snapshotOf(path)
  try {
    return inFolder(snapshot)
  } catch (cause) {
    if (!(cause instanceof ModelFileError)) throw cause
    throw new ModelFileError(`${cause.message}; genepool fetch ${path} brings what is missing`, { cause })
  }
}

/**
 * The files of the weights at `path`: a safetensors file, an index of several, a folder that holds either, or a model
 * of the Hugging Face hub that is on this machine (hub-cache.ts). Throws a ModelFileError where there is nothing, or
 * more than one model.
 */
export const weightFiles = (path: string): WeightFiles => {
  if (isHubModel(path)) return ofHub(path)
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw new ModelFileError(`${path}: there is no such file or folder`)
  if (found.isDirectory()) return inFolder(path)
  return path.endsWith('.index.json') ? ofIndex(path) : { weights: path, ...besideOf(dirname(path)) }
}
