/**
 * The IDX format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist/): two zero bytes, the type of the
 * values, the rank; each size as a big-endian 32-bit number; then the values. Plain or gzip, told apart by their first
 * bytes. Opening a file reads its header alone. Everything that does not fit is a StageError with the path.
 */
import { fstatSync } from 'node:fs'
import { readInto, withOpenFile } from '../../base/files.js'
import { StageError } from '../../runtime/errors.js'
import {
  checkCount,
  checkLabels,
  checkShape,
  type DeclaredImages,
  type LabelledImages,
  swapAxes,
} from './labelled-images.js'
import { firstBytes, type RowContents, expectBytes, readingFile, readRows, type RowFile } from './row-file.js'

/** Pixels are 0 … 255; a row is an image `[height, width, channels]`, row-major. */
export interface IdxImages extends RowFile {
  readonly height: number
  readonly width: number
  readonly channels: number
}

/** A row is a label; of two dimensions, as QMNIST has them, the first value of a row is the class. */
export interface IdxLabels extends RowFile {
  readonly type: 'uint8' | 'int32'
}

const UNSIGNED_BYTES = 0x08
const SIGNED_WORDS = 0x0c

/** Most sizes that a header has here. */
const MOST_SIZES = 4

const contentsOf = (path: string): RowContents =>
  withOpenFile(path, (file) => {
    const first = new Uint8Array(2)
    readInto(file, first, 0)
    const isGzip = first[0] === 0x1f && first[1] === 0x8b
    return { path, title: path, compression: isGzip ? 'gzip' : 'none', at: 0, bytes: fstatSync(file).size }
  })

const hex = (magic: number): string => `0x${magic.toString(16).padStart(8, '0')}`

interface IdxHeader {
  readonly sizes: readonly number[]
  readonly type: number
  readonly file: RowFile
}

/** Type and sizes in the header of an IDX file, whose type and rank are one of these. */
const openIdx = (path: string, what: string, types: readonly number[], ranks: readonly number[]): Promise<IdxHeader> =>
  readingFile(path, async () => {
    const contents = contentsOf(path)
    const bytes = await firstBytes(contents, 4 + 4 * MOST_SIZES)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    expectBytes(path, 4, bytes.length, bytes.length >= 4)
    const magic = view.getUint32(0)
    const known = types.flatMap((type) => ranks.map((rank) => (type << 8) + rank))
    if (!known.includes(magic)) {
      throw new StageError({
        message: `${path}: not an IDX file of ${what}: magic ${hex(magic)}, expected ${known.map(hex).join(' or ')}`,
      })
    }
    const [type, rank] = [magic >> 8, magic & 0xff]
    const start = 4 + 4 * rank
    expectBytes(path, start, bytes.length, bytes.length >= start)
    const sizes = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis))
    const [count, ...rest] = sizes
    const rowBytes = rest.reduce((size, extent) => size * extent, type === SIGNED_WORDS ? 4 : 1)
    if (contents.compression === 'none') expectBytes(path, start + count * rowBytes, contents.bytes)
    checkCount(path, what, count)
    return { sizes, type, file: { contents, start, count, rowBytes } }
  })

/** Images of rank 3 (grey) or 4 (`[count, height, width, channels]`); checked against `expected` where it is given. */
export const openIdxImages = async (
  path: string,
  expected?: Pick<DeclaredImages, 'imageSize' | 'channels'>,
): Promise<IdxImages> => {
  const { sizes, file } = await openIdx(path, 'images', [UNSIGNED_BYTES], [3, 4])
  const [, height, width, channels = 1] = sizes
  if (expected !== undefined) checkShape(path, [height, width, channels], expected)
  return { ...file, height, width, channels }
}

/** Labels of bytes or of 32-bit numbers, one or, of rank 2, several values a row. */
export const openIdxLabels = async (path: string): Promise<IdxLabels> => {
  const { file, type } = await openIdx(path, 'labels', [UNSIGNED_BYTES, SIGNED_WORDS], [1, 2])
  if (file.rowBytes === 0) throw new StageError({ message: `${path}: its rows of labels are empty` })
  return { ...file, type: type === SIGNED_WORDS ? 'int32' : 'uint8' }
}

/** The labels at these places (ascending, each once), each 0 … numClasses − 1. */
export const readIdxLabels = async (file: IdxLabels, rows: Int32Array, numClasses: number): Promise<Int32Array> => {
  const { type, rowBytes, contents } = file
  const bytes = await readRows(file, rows)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const labels = Int32Array.from(rows, (_, row) =>
    type === 'int32' ? view.getInt32(row * rowBytes) : bytes[row * rowBytes],
  )
  checkLabels(contents.title, labels, rows, numClasses)
  return labels
}

/** How the values of the files are laid out. */
interface IdxLayout {
  /** Images are stored column by column, as EMNIST's are. */
  readonly transposed?: boolean
}

/** Images and their labels; as many of the one as of the other. */
export const openIdxPair = async (
  imagesPath: string,
  labelsPath: string,
  declared: DeclaredImages,
  { transposed = false }: IdxLayout = {},
): Promise<LabelledImages> => {
  const images = await openIdxImages(imagesPath, declared)
  const labels = await openIdxLabels(labelsPath)
  if (images.count !== labels.count) {
    throw new StageError({
      message: `${imagesPath} holds ${images.count} images, but ${labelsPath} holds ${labels.count} labels`,
    })
  }
  const { height, width, channels } = images
  return {
    count: images.count,
    read: async (rows) => {
      const pixels = await readRows(images, rows)
      return { pixels: transposed ? swapAxes(pixels, width, height, channels) : pixels }
    },
    labels: (rows) => readIdxLabels(labels, rows, declared.numClasses),
  }
}
