/**
 * Takes single files out of a wheel, which is a ZIP archive (APPNOTE.TXT 4.3): of a gigabyte a few files are needed.
 * Every file is checked against its CRC.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32, createInflateRaw } from 'node:zlib'
import { isInnerName } from '../../../base/files.js'
import { EngineError } from '../../engine.js'

interface WheelEntry {
  /** Path in the wheel, `/` between. */
  readonly path: string
  readonly size: number
  readonly compressedSize: number
  readonly crc: number
  readonly deflated: boolean
  /** Where the entry's own header begins. */
  readonly offset: number
}

const endSignature = 0x0605_4b50
const end64Signature = 0x0606_4b50
const entrySignature = 0x0201_4b50
const localSignature = 0x0403_4b50
const endSize = 22
const locator64Size = 20
const localSize = 30
const maxComment = 0xffff
const unknown32 = 0xffff_ffff

const read = async (file: FileHandle, offset: number, length: number): Promise<Buffer> => {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await file.read(buffer, 0, length, offset)
  return buffer.subarray(0, bytesRead)
}

const damaged = (file: string): EngineError =>
  new EngineError(`${file} is not a whole wheel: its table of contents is missing; download it again`)

/** Whoever made such an archive wants to write where nobody asked for it. */
export const leadsOut = (archive: string, entry: string): EngineError =>
  new EngineError(`${basename(archive)} is not unpacked: ${entry} in it leads out of its folder; do not use it`)

/** Sizes and offset of a large entry are in an extra field, in this order, those that did not fit. */
const wide = (extra: Buffer, values: readonly number[]): readonly number[] => {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue
    let next = at + 4
    return values.map((value) => {
      if (value !== unknown32) return value
      next += 8
      return Number(extra.readBigUInt64LE(next - 8))
    })
  }
  return values
}

const entriesIn = (table: Buffer, count: number, name: string): readonly WheelEntry[] => {
  const entries: WheelEntry[] = []
  for (let at = 0; entries.length < count;) {
    if (at + 46 > table.length || table.readUInt32LE(at) !== entrySignature) throw damaged(name)
    const [pathLength, extraLength, commentLength] = [28, 30, 32].map((field) => table.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ]
    const extraAt = at + 46 + pathLength
    const [size, compressedSize, offset] = wide(
      table.subarray(extraAt, extraAt + extraLength),
      [24, 20, 42].map((field) => table.readUInt32LE(at + field)),
    )
    entries.push({
      path: table.toString('utf8', at + 46, extraAt),
      size,
      compressedSize,
      crc: table.readUInt32LE(at + 16),
      deflated: table.readUInt16LE(at + 10) === 8,
      offset,
    })
    at = extraAt + extraLength + commentLength
  }
  return entries
}

/** What is in the wheel. An EngineError where the file is no wheel or is cut short. */
export const wheelEntries = async (wheel: string): Promise<readonly WheelEntry[]> => {
  const file = await open(wheel)
  try {
    const { size } = await file.stat()
    const tailAt = Math.max(0, size - endSize - maxComment - locator64Size)
    const tail = await read(file, tailAt, size - tailAt)
    let end = tail.length - endSize
    while (end >= 0 && tail.readUInt32LE(end) !== endSignature) end--
    if (end < 0) throw damaged(wheel)
    let [count, tableSize, tableAt] = [
      tail.readUInt16LE(end + 10),
      tail.readUInt32LE(end + 12),
      tail.readUInt32LE(end + 16),
    ]
    if (count === 0xffff || tableAt === unknown32 || tableSize === unknown32) {
      if (end < locator64Size) throw damaged(wheel)
      const end64 = await read(file, Number(tail.readBigUInt64LE(end - locator64Size + 8)), 56)
      if (end64.length < 56 || end64.readUInt32LE(0) !== end64Signature) throw damaged(wheel)
      ;[count, tableSize, tableAt] = [32, 40, 48].map((field) => Number(end64.readBigUInt64LE(field))) as [
        number,
        number,
        number,
      ]
    }
    return entriesIn(await read(file, tableAt, tableSize), count, wheel)
  } finally {
    await file.close()
  }
}

/** Where the entry's bytes begin: its own header repeats its path, and has an extra field of its own. */
const dataOffset = async (wheel: string, { offset }: WheelEntry): Promise<number> => {
  const file = await open(wheel)
  try {
    const header = await read(file, offset, localSize)
    if (header.length < localSize || header.readUInt32LE(0) !== localSignature) throw damaged(wheel)
    return offset + localSize + header.readUInt16LE(26) + header.readUInt16LE(28)
  } finally {
    await file.close()
  }
}

/** Writes the entry into `folder`. An EngineError where its path leads elsewhere, or its bytes are damaged. */
export const extractEntry = async (
  wheel: string,
  entry: WheelEntry,
  folder: string,
  signal: AbortSignal,
): Promise<void> => {
  if (!isInnerName(entry.path)) throw leadsOut(wheel, entry.path)
  const target = join(folder, entry.path)
  await mkdir(dirname(target), { recursive: true })
  const start = await dataOffset(wheel, entry)
  let [size, crc] = [0, 0]
  const count = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      size += chunk.length
      crc = crc32(chunk, crc)
      done(null, chunk)
    },
  })
  const source = createReadStream(wheel, { start, end: start + Math.max(entry.compressedSize, 1) - 1 })
  const wrong = (): EngineError =>
    new EngineError(`${wheel} is damaged: ${basename(entry.path)} in it cannot be unpacked; download it again`)
  try {
    if (entry.deflated) await pipeline(source, createInflateRaw(), count, createWriteStream(target), { signal })
    else await pipeline(source, count, createWriteStream(target), { signal })
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && String(error.code).startsWith('Z_'))
      throw wrong()
    throw error
  }
  if (size !== entry.size || crc !== entry.crc) throw wrong()
}
