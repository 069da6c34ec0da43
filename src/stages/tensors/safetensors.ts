/**
 * The safetensors format (https://github.com/huggingface/safetensors#format): the header's length in 8 bytes, little
 * endian; the header, JSON padded with spaces; then the values of all tensors without gaps.
 */
import { constants } from 'node:buffer'
import { fstatSync } from 'node:fs'
import { errorCode, sentenceOf } from '../../base/errors.js'
import { readInto, withOpenFile, writeFileAtomic } from '../../base/files.js'
import { isObject } from '../../base/objects.js'
import { otherFormat, STARTING_BYTES } from './other-formats.js'

/** IEEE half precision (1 sign, 5 exponent and 10 fraction bits) to single, which holds every half exactly. */
const halfToFloat = (half: number): number => {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

const word = new Uint32Array(1)
const single = new Float32Array(word.buffer)

/** bfloat16 (the upper half of a single) to single. */
const bfloatToFloat = (bfloat: number): number => {
  word[0] = bfloat << 16
  return single[0]
}

/** Row-major values of one tensor; the array's class is its type (F32, I32, U8), its length the product of `shape`. */
export interface HostTensor {
  readonly shape: readonly number[]
  readonly data: Float32Array | Int32Array | Uint8Array
}

/** What a file holds. */
interface Safetensors {
  readonly tensors: Map<string, HostTensor>
  readonly metadata: Record<string, string>
}

type HostTensors = Readonly<Record<string, HostTensor>> | ReadonlyMap<string, HostTensor>

/**
 * A file that is not in the safetensors format, or tensors that cannot be written in it. The message names file and
 * tensor.
 */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError'
}

interface TensorHeader {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data_offsets: readonly [number, number]
}

const METADATA = '__metadata__'

const toInt32 = (value: bigint): number => {
  if (BigInt.asIntN(32, value) !== value) throw new SafetensorsError(`holds ${value}, which does not fit 32 bits`)
  return Number(value)
}

const toFloat32 = (value: number): number => {
  const rounded = Math.fround(value)
  if (Number.isFinite(value) && !Number.isFinite(rounded)) {
    throw new SafetensorsError(`holds ${value}, which does not fit 32 bits`)
  }
  return rounded
}

/** How each type is read, and the bytes of one element. Types that `HostTensor` does not have are converted. */
const DTYPES: Readonly<Record<string, { size: number; read: (bytes: ArrayBuffer) => HostTensor['data'] }>> = {
  F32: { size: 4, read: (bytes) => new Float32Array(bytes) },
  F64: { size: 8, read: (bytes) => Float32Array.from(new Float64Array(bytes), toFloat32) },
  F16: { size: 2, read: (bytes) => Float32Array.from(new Uint16Array(bytes), halfToFloat) },
  BF16: { size: 2, read: (bytes) => Float32Array.from(new Uint16Array(bytes), bfloatToFloat) },
  I64: { size: 8, read: (bytes) => Int32Array.from(new BigInt64Array(bytes), toInt32) },
  I32: { size: 4, read: (bytes) => new Int32Array(bytes) },
  I16: { size: 2, read: (bytes) => Int32Array.from(new Int16Array(bytes)) },
  I8: { size: 1, read: (bytes) => Int32Array.from(new Int8Array(bytes)) },
  U8: { size: 1, read: (bytes) => new Uint8Array(bytes) },
  BOOL: { size: 1, read: (bytes) => new Uint8Array(bytes) },
}

const dtypeOf = (data: HostTensor['data']): string =>
  data instanceof Float32Array ? 'F32' : data instanceof Int32Array ? 'I32' : 'U8'

const product = (shape: readonly number[]): number => shape.reduce((count, size) => count * size, 1)

/**
 * What a file of these tensors holds: the header, then the values of each tensor, which are not copied. The same
 * tensors in the same order give the same bytes. Throws a SafetensorsError when a tensor's values do not fill its
 * shape.
 */
export const encodeSafetensors = (
  tensors: HostTensors,
  metadata?: Readonly<Record<string, string>>,
): readonly ArrayBufferView[] => {
  const entries = tensors instanceof Map ? [...tensors] : Object.entries(tensors as Record<string, HostTensor>)
  for (const [name, { shape, data }] of entries) {
    if (name === METADATA) throw new SafetensorsError(`a tensor cannot be called ${METADATA}`)
    if (product(shape) !== data.length) {
      throw new SafetensorsError(`tensor ${name}: shape [${shape.join(', ')}] does not hold ${data.length} values`)
    }
  }
  // Widest elements first, so that every tensor begins at a multiple of its element size: other readers map the file.
  const laidOut = entries.toSorted(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT)
  const offsets = new Map<string, number>()
  let dataBytes = 0
  for (const [name, { data }] of laidOut) {
    offsets.set(name, dataBytes)
    dataBytes += data.byteLength
  }
  // Written member by member: an object literal would move names that look like numbers to the front.
  const members = entries.map(([name, { shape, data }]) => {
    const begin = offsets.get(name) ?? 0
    const header = { dtype: dtypeOf(data), shape, data_offsets: [begin, begin + data.byteLength] }
    return `${JSON.stringify(name)}:${JSON.stringify(header)}`
  })
  if (metadata !== undefined) members.unshift(`${JSON.stringify(METADATA)}:${JSON.stringify(metadata)}`)
  const json = Buffer.from(`{${members.join(',')}}`)
  const headerBytes = Math.ceil(json.length / 8) * 8

  const header = new Uint8Array(8 + headerBytes).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(headerBytes), true)
  header.set(json, 8)
  return [header, ...laidOut.map(([, { data }]) => data)]
}

const areSizes = (list: unknown): list is number[] =>
  Array.isArray(list) && list.every((size) => Number.isSafeInteger(size) && size >= 0)

const isTensorHeader = (value: unknown): value is TensorHeader => {
  if (!isObject(value)) return false
  const { dtype, shape, data_offsets: offsets } = value
  if (!areSizes(shape) || shape.length > MOST_SIDES) return false
  return typeof dtype === 'string' && areSizes(offsets) && offsets.length === 2
}

/** Enough for 50 000 tensors; the format allows twenty times as much, which takes half a minute and gigabytes. */
const MOST_HEADER_BYTES = 5e6

const MOST_NAME_LETTERS = 1_000

/** NumPy has arrays of no more. */
const MOST_SIDES = 64

/** The longest name of a type that is told. */
const MOST_TYPE_LETTERS = 20

const parseHeader = (descriptor: number, fileBytes: number, origin: string) => {
  const length = new Uint8Array(8)
  if (fileBytes === 0) throw new SafetensorsError(`${origin}: the file is empty`)
  if (readInto(descriptor, length, 0) < length.length) {
    throw new SafetensorsError(`${origin}: ${fileBytes} bytes are too few for a header`)
  }
  const headerBytes = Number(new DataView(length.buffer).getBigUint64(0, true))
  if (headerBytes > Math.min(MOST_HEADER_BYTES, fileBytes)) {
    const start = new Uint8Array(Math.min(fileBytes, STARTING_BYTES))
    readInto(descriptor, start, 0)
    const other = otherFormat(start, origin)
    if (other !== undefined) throw new SafetensorsError(`${origin}: ${other}`)
  }
  if (8 + headerBytes > fileBytes) {
    throw new SafetensorsError(
      `${origin}: the header should be ${headerBytes} bytes long, but the file ends after ${fileBytes} bytes`,
    )
  }
  if (headerBytes > MOST_HEADER_BYTES) {
    throw new SafetensorsError(
      `${origin}: a header of ${headerBytes} bytes is longer than the ${MOST_HEADER_BYTES} that are read`,
    )
  }
  const json = new Uint8Array(headerBytes)
  readInto(descriptor, json, length.length)
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json))
  } catch (cause) {
    throw new SafetensorsError(`${origin}: the header is not JSON`, { cause })
  }
  if (!isObject(header)) {
    throw new SafetensorsError(`${origin}: the header is not a JSON object`)
  }
  return { members: new Map(Object.entries(header)), dataStart: 8 + headerBytes }
}

const parseMetadata = (value: unknown, origin: string): Record<string, string> => {
  if (value === null) return {}
  if (!isObject(value) || Object.values(value).some((text) => typeof text !== 'string')) {
    throw new SafetensorsError(`${origin}: ${METADATA} is not an object of strings`)
  }
  return value as Record<string, string>
}

/** By the format every byte of the data belongs to exactly one tensor. */
const checkRanges = (
  ranges: readonly { name: string; begin: number; end: number }[],
  dataBytes: number,
  origin: string,
): void => {
  let position = 0
  for (const { name, begin, end } of ranges.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== position) {
      const fault = begin < position ? 'overlaps another one' : `leaves ${begin - position} bytes unused before it`
      throw new SafetensorsError(`${origin}: tensor ${name} ${fault}`)
    }
    position = end
  }
  if (position !== dataBytes) {
    throw new SafetensorsError(`${origin}: ${dataBytes - position} bytes at the end belong to no tensor`)
  }
}

/** Where a tensor lies in a file. */
interface StoredTensor {
  readonly shape: readonly number[]
  readonly dtype: string
  /** First byte in the file, and how many there are. */
  readonly at: number
  readonly bytes: number
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, StoredTensor>
  readonly metadata: Record<string, string>
}

/** The header of an open file, checked against itself and the file's length. */
const readHeader = (descriptor: number, origin: string): SafetensorsHeader => {
  const fileBytes = fstatSync(descriptor).size
  const { members, dataStart } = parseHeader(descriptor, fileBytes, origin)
  const metadata = members.has(METADATA) ? parseMetadata(members.get(METADATA), origin) : {}
  members.delete(METADATA)

  const tensors = new Map<string, StoredTensor>()
  const ranges: { name: string; begin: number; end: number }[] = []
  for (const [name, entry] of members) {
    if (name.length > MOST_NAME_LETTERS) {
      throw new SafetensorsError(`${origin}: the name of a tensor has ${name.length} letters: ${name.slice(0, 60)}…`)
    }
    if (!isTensorHeader(entry)) throw new SafetensorsError(`${origin}: the header of tensor ${name} makes no sense`)
    const { dtype, shape } = entry
    const [begin, end] = entry.data_offsets
    if (!Object.hasOwn(DTYPES, dtype)) {
      throw new SafetensorsError(`${origin}: tensor ${name} has the unknown type ${dtype.slice(0, MOST_TYPE_LETTERS)}`)
    }
    const needed = product(shape) * DTYPES[dtype].size
    if (end - begin !== needed) {
      throw new SafetensorsError(
        `${origin}: tensor ${name}, ${dtype} [${shape.join(', ')}], needs ${needed} bytes, ` +
          `but its offsets hold ${end - begin}`,
      )
    }
    if (dataStart + end > fileBytes) {
      throw new SafetensorsError(
        `${origin}: tensor ${name} ends at byte ${dataStart + end}, but the file ends after ${fileBytes} bytes`,
      )
    }
    if (product(shape) > constants.MAX_LENGTH) {
      throw new SafetensorsError(
        `${origin}: tensor ${name} has ${product(shape)} values, and an array of this Node holds at most ` +
          `${constants.MAX_LENGTH}`,
      )
    }
    ranges.push({ name, begin, end })
    tensors.set(name, { shape, dtype, at: dataStart + begin, bytes: end - begin })
  }
  checkRanges(ranges, fileBytes - dataStart, origin)
  return { tensors, metadata }
}

const readTensor = (
  descriptor: number,
  name: string,
  { shape, dtype, at, bytes }: StoredTensor,
  origin: string,
): HostTensor => {
  const values = new ArrayBuffer(bytes)
  if (readInto(descriptor, new DataView(values), at) < bytes) {
    throw new SafetensorsError(`${origin}: tensor ${name} was cut short while it was read`)
  }
  try {
    return { shape, data: DTYPES[dtype].read(values) }
  } catch (cause) {
    throw cause instanceof SafetensorsError ? new SafetensorsError(`${origin}: tensor ${name} ${cause.message}`) : cause
  }
}

/** A system's error is one of reading the file. */
const readFrom = <A>(path: string, read: (descriptor: number) => A): A => {
  try {
    return withOpenFile(path, read)
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw new SafetensorsError(`${path}: cannot be read (${sentenceOf(cause)})`, { cause })
  }
}

/** What a file says of its tensors, which are not read. A SafetensorsError names its path. */
export const describeSafetensors = (path: string): SafetensorsHeader =>
  readFrom(path, (descriptor) => readHeader(descriptor, path))

/**
 * Reads a file; each tensor has memory of its own. F16 and BF16 become Float32Array exactly, F64 is rounded to it; I8,
 * I16 and I64 become Int32Array, BOOL Uint8Array; a value that does not fit is an error. A SafetensorsError names the
 * path where header and offsets make no sense.
 */
export const readSafetensors = (path: string): Safetensors =>
  readFrom(path, (descriptor) => {
    const { tensors, metadata } = readHeader(descriptor, path)
    const read = [...tensors].map(([name, stored]) => [name, readTensor(descriptor, name, stored, path)] as const)
    return { tensors: new Map(read), metadata }
  })

/** Writes the file whole or not at all (a temporary name in the same folder, then a rename). */
export const writeSafetensors = (
  path: string,
  tensors: HostTensors,
  metadata?: Readonly<Record<string, string>>,
): void => writeFileAtomic(path, encodeSafetensors(tensors, metadata))
