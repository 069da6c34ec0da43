/**
 * The IDX format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist/): two zero bytes, the type of the
 * values, the rank; each size as a big-endian 32-bit number; then the values. Plain or gzip, told apart by their first
 * bytes. Opening a file reads its header alone, and of a plain file only the rows that are asked for are read.
 * Everything that does not fit is a StageError with the path.
 */
import { createReadStream, fstatSync } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { errorCode, sentenceOf } from '../../base/errors.js'
import { readInto, withOpenFile } from '../../base/files.js'
import { StageError } from '../../runtime/errors.js'

/** A file of bytes, by its header. */
interface IdxFile {
  readonly path: string
  readonly isGzip: boolean
  /** Where the values begin. */
  readonly start: number
  readonly count: number
  /** Bytes of each of the `count` rows. */
  readonly rowBytes: number
}

/** Pixels are 0 … 255; a row is an image `[height, width, channels]`, row-major. */
export interface IdxImages extends IdxFile {
  readonly height: number
  readonly width: number
  readonly channels: number
}

/** What a definition says that a data set holds; images are square, `imageSize` pixels a side. */
interface DeclaredImages {
  readonly imageSize: number
  readonly channels: number
}

/** Images and their labels, as many of the one as of the other. */
export interface IdxPair {
  readonly images: IdxImages
  readonly labels: IdxFile
}

const UNSIGNED_BYTES = 0x08

/** Most sizes that a header has here. */
const MOST_SIZES = 4

/** Rows are numbered in 32 bits. */
const MOST_ROWS = 2 ** 31 - 1

/** Of a plain file so many bytes are read at once. */
const windowBytes = 4 * 2 ** 20

/** A stretch of a file's contents. */
interface Stretch {
  readonly position: number
  readonly bytes: Uint8Array
}

/** What a gzip file holds, from its beginning. */
async function* inflated(path: string): AsyncGenerator<Stretch> {
  let position = 0
  // An error of either stream is thrown where the second is read.
  const contents: AsyncIterable<Uint8Array> = pipeline(
    createReadStream(path),
    createGunzip({ chunkSize: 2 ** 18 }),
    () => {},
  )
  for await (const bytes of contents) {
    yield { position, bytes }
    position += bytes.length
  }
}

/** Rejects with a StageError for a file that cannot be read. */
const reading = async <A>(path: string, read: () => A | Promise<A>): Promise<A> => {
  try {
    return await read()
  } catch (cause) {
    const code = errorCode(cause)
    if (cause instanceof StageError || code === undefined) throw cause
    const message =
      code === 'ENOENT'
        ? `${path}: no such file`
        : code.startsWith('Z_')
          ? `${path}: the gzip data is damaged (${sentenceOf(cause)})`
          : `${path}: cannot be read (${sentenceOf(cause)})`
    throw new StageError({ message, cause })
  }
}

/** Rejects with a StageError unless so many bytes were found. */
const expectBytes = (path: string, expected: number, found: number, fits = found === expected): void => {
  if (fits) return
  const fault = found < expected ? 'is truncated' : 'is too long'
  throw new StageError({ message: `${path}: ${fault}: expected ${expected} bytes, found ${found}` })
}

/** The first bytes of the contents, at most as many as a header has; the length of all is known of a plain file. */
const beginningOf = async (path: string): Promise<{ readonly bytes: Uint8Array; readonly length?: number }> => {
  const first = new Uint8Array(4 + 4 * MOST_SIZES)
  const [found, length] = withOpenFile(path, (file) => [readInto(file, first, 0), fstatSync(file).size])
  if (first[0] !== 0x1f || first[1] !== 0x8b) return { bytes: first.subarray(0, found), length }
  const chunks: Uint8Array[] = []
  for await (const { position, bytes } of inflated(path)) {
    chunks.push(bytes)
    if (position + bytes.length >= first.length) break
  }
  return { bytes: Buffer.concat(chunks).subarray(0, first.length) }
}

const hex = (magic: number): string => `0x${magic.toString(16).padStart(8, '0')}`

/** Sizes in the header of an IDX file of bytes whose rank is one of `ranks`. */
const openIdx = (path: string, what: string, ranks: readonly number[]) =>
  reading(path, async () => {
    const { bytes, length } = await beginningOf(path)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    expectBytes(path, 4, bytes.length, bytes.length >= 4)
    const magic = view.getUint32(0)
    const rank = ranks.find((each) => magic === (UNSIGNED_BYTES << 8) + each)
    if (rank === undefined) {
      const expected = ranks.map((each) => hex((UNSIGNED_BYTES << 8) + each)).join(' or ')
      throw new StageError({
        message: `${path}: not an IDX file of ${what}: magic ${hex(magic)}, expected ${expected}`,
      })
    }
    const start = 4 + 4 * rank
    expectBytes(path, start, bytes.length, bytes.length >= start)
    const sizes = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis))
    const [count, ...rest] = sizes
    const rowBytes = rest.reduce((size, extent) => size * extent, 1)
    if (length !== undefined) expectBytes(path, start + count * rowBytes, length)
    if (count === 0) throw new StageError({ message: `${path}: holds no ${what}` })
    if (count > MOST_ROWS) {
      throw new StageError({ message: `${path}: holds ${count} ${what}; at most ${MOST_ROWS} can be told apart` })
    }
    return { sizes, file: { path, isGzip: length === undefined, start, count, rowBytes } satisfies IdxFile }
  })

/** Images of rank 3 (grey) or 4 (`[count, height, width, channels]`); checked against `expected` where it is given. */
export const openIdxImages = async (path: string, expected?: DeclaredImages): Promise<IdxImages> => {
  const { sizes, file } = await openIdx(path, 'images', [3, 4])
  const [, height, width, channels = 1] = sizes
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
  return { ...file, height, width, channels }
}

export const openIdxLabels = async (path: string): Promise<IdxFile> => (await openIdx(path, 'labels', [1])).file

/** Images and their labels; as many of the one as of the other. */
export const openIdxPair = async (
  imagesPath: string,
  labelsPath: string,
  expected: DeclaredImages,
): Promise<IdxPair> => {
  const images = await openIdxImages(imagesPath, expected)
  const labels = await openIdxLabels(labelsPath)
  if (images.count !== labels.count) {
    throw new StageError({
      message: `${imagesPath} holds ${images.count} images, but ${labelsPath} holds ${labels.count} labels`,
    })
  }
  return { images, labels }
}

/** The stretches of an open plain file in which these rows lie; rows that are near each other share one. */
function* windowsOf(
  descriptor: number,
  { path, start, rowBytes }: IdxFile,
  rows: Int32Array,
  most: number,
): Generator<Stretch> {
  for (let first = 0, next = 0; first < rows.length; first = next) {
    next = first + 1
    while (next < rows.length && (rows[next] + 1 - rows[first]) * rowBytes <= most) next++
    const bytes = new Uint8Array((rows[next - 1] + 1 - rows[first]) * rowBytes)
    const position = start + rows[first] * rowBytes
    const found = readInto(descriptor, bytes, position)
    expectBytes(path, position + bytes.length, position + found)
    yield { position, bytes }
  }
}

/** Copies rows, which are asked for in ascending order, out of stretches that come in ascending order. */
class RowCopier {
  readonly copied: Uint8Array
  readonly #file: IdxFile
  readonly #rows: Int32Array
  #next = 0

  constructor(file: IdxFile, rows: Int32Array) {
    this.#file = file
    this.#rows = rows
    this.copied = new Uint8Array(rows.length * file.rowBytes)
  }

  get isDone(): boolean {
    return this.#next === this.#rows.length
  }

  take({ position, bytes }: Stretch): void {
    const { start, rowBytes } = this.#file
    const end = position + bytes.length
    for (; !this.isDone; this.#next++) {
      const begin = start + this.#rows[this.#next] * rowBytes
      const [from, to] = [Math.max(begin, position), Math.min(begin + rowBytes, end)]
      if (from < to)
        this.copied.set(bytes.subarray(from - position, to - position), this.#next * rowBytes + from - begin)
      // The rest of it is in the next stretch.
      if (begin + rowBytes > end) return
    }
  }
}

/**
 * The bytes of these rows (ascending, each once), one after the other. Of a plain file they alone are read, `most`
 * bytes at a time; a gzip file is read up to the last of them, to its end where that is the last of all.
 */
export const readIdxRows = (file: IdxFile, rows: Int32Array, most = windowBytes): Promise<Uint8Array> =>
  reading(file.path, async () => {
    const { path, isGzip, start, count, rowBytes } = file
    const copier = new RowCopier(file, rows)
    if (!isGzip) {
      withOpenFile(path, (descriptor) => {
        for (const window of windowsOf(descriptor, file, rows, most)) copier.take(window)
      })
      return copier.copied
    }
    const isToEnd = rows.at(-1) === count - 1
    let length = 0
    for await (const stretch of inflated(path)) {
      copier.take(stretch)
      length = stretch.position + stretch.bytes.length
      if (copier.isDone && !isToEnd) return copier.copied
    }
    expectBytes(path, start + count * rowBytes, length)
    return copier.copied
  })

/** The labels at these places (ascending, each once), each 0 … numClasses − 1. */
export const readIdxLabels = async (file: IdxFile, rows: Int32Array, numClasses: number): Promise<Uint8Array> => {
  const labels = await readIdxRows(file, rows)
  const wrong = labels.findIndex((label) => label >= numClasses)
  if (wrong === -1) return labels
  const beginAtOne = labels.every((label) => label >= 1 && label <= numClasses)
  throw new StageError({
    message: `${file.path}: label number ${rows[wrong]} is ${labels[wrong]}, allowed are 0 to ${numClasses - 1}`,
    hint: beginAtOne
      ? `its labels begin at 1, as EMNIST's letters do: set numClasses to ${numClasses + 1}; class 0 then has no images`
      : 'set numClasses of the data to the number of classes',
  })
}
