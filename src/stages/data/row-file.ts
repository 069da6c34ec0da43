/**
 * Files whose contents are rows of bytes, all of one length: IDX, CIFAR's records, the arrays in an .npz. The contents
 * may be compressed. Of plain contents only the rows that are asked for are read, in parts; of compressed ones
 * everything up to the last of them, in parts too. What does not fit is a StageError with the path.
 */
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip, createInflateRaw } from 'node:zlib'
import { errorCode, sentenceOf } from '../../base/errors.js'
import { readInto, withOpenFile } from '../../base/files.js'
import { StageError } from '../../runtime/errors.js'

/** What a file, or a stretch of it, holds. */
export interface RowContents {
  readonly path: string
  /** What errors name: the path, or the path and what in the file it is. */
  readonly title: string
  readonly compression: 'none' | 'gzip' | 'deflate'
  /** The stretch of the file, in bytes. */
  readonly at: number
  readonly bytes: number
}

/** RowContents, by their header. */
export interface RowFile {
  readonly contents: RowContents
  /** Where the rows begin in the contents. */
  readonly start: number
  readonly count: number
  /** Bytes of each of the `count` rows. */
  readonly rowBytes: number
}

/** Of plain contents so many bytes are read at once. */
const windowBytes = 4 * 2 ** 20

/** A part of the contents. */
interface Stretch {
  readonly position: number
  readonly bytes: Uint8Array
}

/** What compressed contents hold, from their beginning. */
async function* inflated({ path, compression, at, bytes: length }: RowContents): AsyncGenerator<Stretch> {
  let position = 0
  const inflate = compression === 'gzip' ? createGunzip : createInflateRaw
  // An error of either stream is thrown where the second is read.
  const contents: AsyncIterable<Uint8Array> = pipeline(
    createReadStream(path, { start: at, end: at + length - 1 }),
    inflate({ chunkSize: 2 ** 18 }),
    () => {},
  )
  for await (const bytes of contents) {
    yield { position, bytes }
    position += bytes.length
  }
}

/** Rejects with a StageError for a file that cannot be read. */
export const readingFile = async <A>(title: string, read: () => A | Promise<A>): Promise<A> => {
  try {
    return await read()
  } catch (cause) {
    const code = errorCode(cause)
    if (cause instanceof StageError || code === undefined) throw cause
    const message =
      code === 'ENOENT'
        ? `${title}: no such file`
        : code.startsWith('Z_')
          ? `${title}: the compressed data are damaged (${sentenceOf(cause)})`
          : `${title}: cannot be read (${sentenceOf(cause)})`
    throw new StageError({ message, cause })
  }
}

/** Throws a StageError unless so many bytes were found. */
export const expectBytes = (title: string, expected: number, found: number, fits = found === expected): void => {
  if (fits) return
  const fault = found < expected ? 'is truncated' : 'is too long'
  throw new StageError({ message: `${title}: ${fault}: expected ${expected} bytes, found ${found}` })
}

/** The first bytes of the contents, at most `most`; fewer where there are no more. */
export const firstBytes = async (contents: RowContents, most: number): Promise<Uint8Array> => {
  if (contents.compression === 'none') {
    const first = new Uint8Array(Math.min(most, contents.bytes))
    return first.subarray(
      0,
      withOpenFile(contents.path, (file) => readInto(file, first, contents.at)),
    )
  }
  const chunks: Uint8Array[] = []
  for await (const { position, bytes } of inflated(contents)) {
    chunks.push(bytes)
    if (position + bytes.length >= most) break
  }
  return Buffer.concat(chunks).subarray(0, most)
}

/** The stretches of an open file with plain contents in which these rows lie; rows near each other share one. */
function* windowsOf(
  descriptor: number,
  { contents, start, rowBytes }: RowFile,
  rows: Int32Array,
  most: number,
): Generator<Stretch> {
  for (let first = 0, next = 0; first < rows.length; first = next) {
    next = first + 1
    while (next < rows.length && (rows[next] + 1 - rows[first]) * rowBytes <= most) next++
    const bytes = new Uint8Array((rows[next - 1] + 1 - rows[first]) * rowBytes)
    const position = start + rows[first] * rowBytes
    const found = readInto(descriptor, bytes, contents.at + position)
    expectBytes(contents.title, position + bytes.length, position + found)
    yield { position, bytes }
  }
}

/** Copies rows, which are asked for in ascending order, out of stretches that come in ascending order. */
class RowCopier {
  readonly copied: Uint8Array
  readonly #file: RowFile
  readonly #rows: Int32Array
  #next = 0

  constructor(file: RowFile, rows: Int32Array) {
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
 * The bytes of these rows (ascending, each once), one after the other. Of plain contents they alone are read, `most`
 * bytes at a time; compressed ones are read up to the last of them, to their end where that is the last of all.
 */
export const readRows = (file: RowFile, rows: Int32Array, most = windowBytes): Promise<Uint8Array> =>
  readingFile(file.contents.title, async () => {
    const { contents, start, count, rowBytes } = file
    const copier = new RowCopier(file, rows)
    if (contents.compression === 'none') {
      withOpenFile(contents.path, (descriptor) => {
        for (const window of windowsOf(descriptor, file, rows, most)) copier.take(window)
      })
      return copier.copied
    }
    const isToEnd = rows.at(-1) === count - 1
    let length = 0
    for await (const stretch of inflated(contents)) {
      copier.take(stretch)
      length = stretch.position + stretch.bytes.length
      if (copier.isDone && !isToEnd) return copier.copied
    }
    expectBytes(contents.title, start + count * rowBytes, length)
    return copier.copied
  })
