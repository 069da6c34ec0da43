/**
 * The IDX format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist/): two zero bytes, the type of the
 * values, the rank; each size as a big-endian 32-bit number; then the values. Plain or gzip, told apart by their first
 * bytes. Everything that does not fit is a StageError with the path.
 */
import { gunzipSync } from 'node:zlib'
import { sentenceOf } from '../../base/errors.js'
import { readWholeFile } from '../../base/files.js'
import { StageError } from '../../runtime/errors.js'

/** Pixels 0 … 255, row-major `[count, height, width, channels]`. */
export interface IdxImages {
  readonly count: number
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly pixels: Uint8Array
}

/** What a definition says that a data set holds; images are square, `imageSize` pixels a side. */
interface DeclaredImages {
  readonly imageSize: number
  readonly channels: number
}

const UNSIGNED_BYTES = 0x08

const readBytes = (path: string): Uint8Array => {
  let bytes: Uint8Array
  try {
    bytes = readWholeFile(path)
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    const message = missing ? `${path}: no such file` : `${path}: cannot be read (${sentenceOf(cause)})`
    throw new StageError({ message, cause })
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    return gunzipSync(bytes)
  } catch (cause) {
    throw new StageError({ message: `${path}: the gzip data is damaged (${sentenceOf(cause)})`, cause })
  }
}

const hex = (magic: number): string => `0x${magic.toString(16).padStart(8, '0')}`

/** Sizes and values of an IDX file of bytes whose rank is one of `ranks`. */
const readIdx = (path: string, what: string, ranks: readonly number[]): { sizes: number[]; values: Uint8Array } => {
  const bytes = readBytes(path)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const expectBytes = (expected: number, fits: boolean): void => {
    if (fits) return
    const fault = bytes.length < expected ? 'is truncated' : 'is too long'
    throw new StageError({ message: `${path}: ${fault}: expected ${expected} bytes, found ${bytes.length}` })
  }
  expectBytes(4, bytes.length >= 4)
  const magic = view.getUint32(0)
  const rank = ranks.find((rank) => magic === (UNSIGNED_BYTES << 8) + rank)
  if (rank === undefined) {
    const expected = ranks.map((rank) => hex((UNSIGNED_BYTES << 8) + rank)).join(' or ')
    throw new StageError({ message: `${path}: not an IDX file of ${what}: magic ${hex(magic)}, expected ${expected}` })
  }
  const start = 4 + 4 * rank
  expectBytes(start, bytes.length >= start)
  const sizes = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis))
  const expected = start + sizes.reduce((count, size) => count * size, 1)
  expectBytes(expected, bytes.length === expected)
  if (sizes[0] === 0) throw new StageError({ message: `${path}: holds no ${what}` })
  return { sizes, values: bytes.subarray(start) }
}

/** Images of rank 3 (grey) or 4 (`[count, height, width, channels]`); checked against `expected` where it is given. */
export const readIdxImages = (path: string, expected?: DeclaredImages): IdxImages => {
  const { sizes, values: pixels } = readIdx(path, 'images', [3, 4])
  const [count, height, width, channels = 1] = sizes
  if (expected !== undefined) {
    const { imageSize } = expected
    if (height !== imageSize || width !== imageSize || channels !== expected.channels) {
      const found = `${height} × ${width} × ${channels}`
      const declared = `${imageSize} × ${imageSize} × ${expected.channels}`
      throw new StageError({
        message: `${path}: images are ${found} (height × width × channels), declared are ${declared}`,
        hint: 'set imageSize and channels of the data to what the file holds',
      })
    }
  }
  return { count, height, width, channels, pixels }
}

/** Labels, each 0 … numClasses − 1. */
export const readIdxLabels = (path: string, numClasses: number): Uint8Array => {
  const { values: labels } = readIdx(path, 'labels', [1])
  const index = labels.findIndex((label) => label >= numClasses)
  if (index !== -1) {
    throw new StageError({
      message: `${path}: label number ${index} is ${labels[index]}, allowed are 0 to ${numClasses - 1}`,
      hint: 'set numClasses of the data to the number of classes',
    })
  }
  return labels
}

/** Images and their labels; as many of the one as of the other. */
export const readIdxPair = (
  imagesPath: string,
  labelsPath: string,
  expected: DeclaredImages & { readonly numClasses: number },
): { images: IdxImages; labels: Uint8Array } => {
  const images = readIdxImages(imagesPath, expected)
  const labels = readIdxLabels(labelsPath, expected.numClasses)
  if (images.count !== labels.length) {
    throw new StageError({
      message: `${imagesPath} holds ${images.count} images, but ${labelsPath} holds ${labels.length} labels`,
    })
  }
  return { images, labels }
}
