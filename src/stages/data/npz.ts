/**
 * Arrays of NumPy in one zip file, as MedMNIST has them: `train_images`, `train_labels`, the same of `val` and `test`.
 * Zip: PKWARE's APPNOTE 6.3.10; the arrays: numpy/lib/format.py, versions 1 to 3. Opening reads the directory and the
 * arrays' headers; everything that does not fit is a StageError with the path and the array's name.
 */
import { fstatSync } from 'node:fs'
import { readInto, withOpenFile } from '../../base/files.js'
import { StageError } from '../../runtime/errors.js'
import { checkCount, checkLabels, checkShape, type DeclaredImages, type LabelledImages } from './labelled-images.js'
import { firstBytes, type RowContents, expectBytes, readingFile, readRows, type RowFile } from './row-file.js'

const END = 0x06054b50
const END_64 = 0x06064b50
const LOCATOR_64 = 0x07064b50
const ENTRY = 0x02014b50
const LOCAL = 0x04034b50
const EXTRA_64 = 1
const FULL_16 = 0xffff
const FULL_32 = 0xffffffff

/** The end of the directory, without its comment, which is as long as 16 bits can say. */
const END_BYTES = 22

/** An entry of the directory, a file's own header and the 64-bit end, without what is of variable length. */
const ENTRY_BYTES = 46
const LOCAL_BYTES = 30
const END_64_BYTES = 56
const LOCATOR_64_BYTES = 20

/** Longest directory that is read: of thousands of arrays. */
const MOST_DIRECTORY_BYTES = 2 ** 22

/** Longest header of an array that is read. */
const MOST_HEADER_BYTES = 2 ** 14

interface Member extends RowContents {
  /** Bytes of what it holds once it is inflated. */
  readonly length: number
}

const notZip = (path: string, why: string): StageError =>
  new StageError({ message: `${path}: not an .npz file: ${why}` })

/** So many bytes of an open file; a StageError where there are fewer. */
const bytesAt = (file: number, path: string, at: number, length: number): DataView => {
  const bytes = new Uint8Array(length)
  if (!Number.isSafeInteger(at) || at < 0 || readInto(file, bytes, at) < length) {
    throw notZip(path, `it ends before byte ${at + length}`)
  }
  return new DataView(bytes.buffer)
}

const wide = (view: DataView, at: number): number => Number(view.getBigUint64(at, true))

const zipDirectory = (file: number, path: string): DataView => {
  const fileBytes = fstatSync(file).size
  const tail = Math.min(fileBytes, END_BYTES + FULL_16)
  const last = bytesAt(file, path, fileBytes - tail, tail)
  let end = tail - END_BYTES
  while (end >= 0 && last.getUint32(end, true) !== END) end--
  if (end < 0) throw notZip(path, 'it has no directory at its end')
  let [length, at] = [last.getUint32(end + 12, true), last.getUint32(end + 16, true)]
  if (length === FULL_32 || at === FULL_32) {
    const endAt = fileBytes - tail + end
    const locator = bytesAt(file, path, endAt - LOCATOR_64_BYTES, LOCATOR_64_BYTES)
    if (locator.getUint32(0, true) !== LOCATOR_64) throw notZip(path, 'its directory is nowhere')
    const end64 = bytesAt(file, path, wide(locator, 8), END_64_BYTES)
    if (end64.getUint32(0, true) !== END_64) throw notZip(path, 'its directory is nowhere')
    ;[length, at] = [wide(end64, 40), wide(end64, 48)]
  }
  if (length > MOST_DIRECTORY_BYTES) throw notZip(path, `a directory of ${length} bytes is too long for one`)
  return bytesAt(file, path, at, length)
}

/** Sizes and place of an entry: in 64 bits where they fill 32. */
const extentOf = (entry: DataView, nameBytes: number, extraBytes: number) => {
  let length = entry.getUint32(24, true)
  let bytes = entry.getUint32(20, true)
  let header = entry.getUint32(42, true)
  let at = ENTRY_BYTES + nameBytes
  for (const end = at + extraBytes; at + 4 <= end; at += 4 + entry.getUint16(at + 2, true)) {
    if (entry.getUint16(at, true) !== EXTRA_64) continue
    let field = at + 4
    const next = (): number => wide(entry, (field += 8) - 8)
    if (length === FULL_32) length = next()
    if (bytes === FULL_32) bytes = next()
    if (header === FULL_32) header = next()
  }
  return { length, bytes, header }
}

const membersOf = (path: string): ReadonlyMap<string, Member> =>
  withOpenFile(path, (file) => {
    const directory = zipDirectory(file, path)
    const members = new Map<string, Member>()
    try {
      for (let at = 0; at < directory.byteLength;) {
        const entry = new DataView(directory.buffer, at)
        if (entry.getUint32(0, true) !== ENTRY) throw notZip(path, 'its directory is damaged')
        const [nameBytes, extraBytes] = [entry.getUint16(28, true), entry.getUint16(30, true)]
        const name = new TextDecoder().decode(new Uint8Array(directory.buffer, at + ENTRY_BYTES, nameBytes))
        const title = `${path}: ${name}`
        const [flags, method] = [entry.getUint16(8, true), entry.getUint16(10, true)]
        if ((flags & 1) === 1) throw new StageError({ message: `${title}: is encrypted` })
        if (method !== 0 && method !== 8) {
          throw new StageError({
            message: `${title}: is compressed by method ${method}; deflate (8) and none (0) are read`,
          })
        }
        const { length, bytes, header } = extentOf(entry, nameBytes, extraBytes)
        const local = bytesAt(file, path, header, LOCAL_BYTES)
        if (local.getUint32(0, true) !== LOCAL) throw notZip(path, `${name} is not where its directory says`)
        const begin = header + LOCAL_BYTES + local.getUint16(26, true) + local.getUint16(28, true)
        const compression = method === 0 ? 'none' : 'deflate'
        if (begin + bytes > fstatSync(file).size) throw notZip(path, `${name} ends behind the end of the file`)
        members.set(name, { path, title, compression, at: begin, bytes, length })
        at += ENTRY_BYTES + nameBytes + extraBytes + entry.getUint16(32, true)
      }
    } catch (cause) {
      throw cause instanceof RangeError ? notZip(path, 'its directory is damaged') : cause
    }
    return members
  })

interface NpyArray {
  readonly shape: readonly number[]
  readonly file: RowFile
}

/** Version → bytes of the header's length. */
const lengthBytes: Readonly<Record<number, number>> = { 1: 2, 2: 4, 3: 4 }

/** Shape of an array of bytes by its header; rows are along the first axis. */
const openNpy = async (member: Member): Promise<NpyArray> => {
  const { title } = member
  const refuse = (why: string): never => {
    throw new StageError({ message: `${title}: ${why}` })
  }
  const bytes = await readingFile(title, () => firstBytes(member, MOST_HEADER_BYTES))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 12 || view.getUint32(0) !== 0x934e554d || view.getUint16(4) !== 0x5059) {
    refuse('is no array of NumPy')
  }
  const size = lengthBytes[bytes[6]] ?? refuse(`is of version ${bytes[6]}, known are 1 to 3`)
  const start = 8 + size + (size === 2 ? view.getUint16(8, true) : view.getUint32(8, true))
  if (start > bytes.length) refuse(`its header should end at byte ${start}, which is too far`)
  const header = new TextDecoder('latin1').decode(bytes.subarray(8 + size, start))
  const type = /'descr': *'([^']*)'/.exec(header)?.[1] ?? refuse('its header names no plain type')
  if (!['|u1', '<u1', '>u1', '=u1'].includes(type)) refuse(`is of type '${type}'; read is uint8 ('|u1')`)
  const order = /'fortran_order': *(True|False)/.exec(header)?.[1]
  if (order !== 'False') refuse('is in Fortran order; read is C order: write it with numpy.ascontiguousarray')
  const inside = /'shape': *\(([\d, L]*)\)/.exec(header)?.[1] ?? refuse('its header names no shape')
  const shape = (inside.match(/\d+/g) ?? []).map(Number)
  if (shape.length === 0) refuse('is a single number')
  const [count, ...rest] = shape
  const rowBytes = rest.reduce((product, extent) => product * extent, 1)
  expectBytes(title, start + count * rowBytes, member.length)
  if (member.compression === 'none') expectBytes(title, member.length, member.bytes)
  return { shape, file: { contents: member, start, count, rowBytes } }
}

/** The images and labels of a split, `train`, `val` or `test`; undefined where the file has no such images. */
export const openNpz = (
  path: string,
  split: 'train' | 'val' | 'test',
  declared: DeclaredImages,
): Promise<LabelledImages | undefined> =>
  readingFile(path, async () => {
    const members = membersOf(path)
    const arrayOf = async (what: string): Promise<NpyArray> => {
      const name = `${split}_${what}.npy`
      const member = members.get(name)
      if (member !== undefined) return openNpy(member)
      const there = [...members.keys()].slice(0, 8).join(', ')
      throw new StageError({ message: `${path}: has no array ${name}; it has ${there || 'none'}` })
    }
    if (split === 'val' && !members.has('val_images.npy')) return undefined
    const images = await arrayOf('images')
    const labels = await arrayOf('labels')
    const title = images.file.contents.title
    if (images.shape.length !== 3 && images.shape.length !== 4) {
      throw new StageError({
        message: `${title}: has ${images.shape.length} axes; images have [n, h, w] or [n, h, w, c]`,
      })
    }
    const [count, height, width, channels = 1] = images.shape
    checkCount(title, 'images', count)
    checkShape(title, [height, width, channels], declared)
    if (labels.file.rowBytes !== 1) {
      throw new StageError({
        message: `${labels.file.contents.title}: has ${labels.file.rowBytes} labels an image; read is one`,
      })
    }
    if (labels.file.count !== count) {
      throw new StageError({
        message: `${title} holds ${count} images, but ${labels.file.contents.title} holds ${labels.file.count} labels`,
      })
    }
    return {
      count,
      read: async (rows) => ({ pixels: await readRows(images.file, rows) }),
      labels: async (rows) => {
        const read = Int32Array.from(await readRows(labels.file, rows))
        checkLabels(labels.file.contents.title, read, rows, declared.numClasses)
        return read
      },
    }
  })
