/**
 * The safetensors format (https://github.com/huggingface/safetensors#format): the header's length in 8 bytes, little
 * endian; the header, JSON padded with spaces; then the values of all tensors without gaps.
 */
import { sentenceOf } from '../../base/errors.js'
import { readWholeFile, writeFileAtomic } from '../../base/files.js'
import { isObject } from '../../base/objects.js'

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
 * The file's bytes; the same tensors in the same order give the same bytes. Throws a SafetensorsError when a tensor's
 * values do not fill its shape.
 */
export const encodeSafetensors = (tensors: HostTensors, metadata?: Readonly<Record<string, string>>): Uint8Array => {
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

  const bytes = new Uint8Array(8 + headerBytes + dataBytes)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true)
  bytes.set(json, 8)
  bytes.fill(0x20, 8 + json.length, 8 + headerBytes)
  for (const [name, { data }] of laidOut) {
    const values = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    bytes.set(values, 8 + headerBytes + (offsets.get(name) ?? 0))
  }
  return bytes
}

const areSizes = (list: unknown): list is number[] =>
  Array.isArray(list) && list.every((size) => Number.isSafeInteger(size) && size >= 0)

const isTensorHeader = (value: unknown): value is TensorHeader => {
  if (!isObject(value)) return false
  const { dtype, shape, data_offsets: offsets } = value
  return typeof dtype === 'string' && areSizes(shape) && areSizes(offsets) && offsets.length === 2
}

const parseHeader = (bytes: Uint8Array, origin: string): { header: Map<string, unknown>; dataStart: number } => {
  if (bytes.length < 8) throw new SafetensorsError(`${origin}: ${bytes.length} bytes are too few for a header`)
  const headerBytes = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  const dataStart = 8 + headerBytes
  if (dataStart > bytes.length) {
    throw new SafetensorsError(
      `${origin}: the header should be ${headerBytes} bytes long, but the file ends after ${bytes.length} bytes`,
    )
  }
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, dataStart)))
  } catch (cause) {
    throw new SafetensorsError(`${origin}: the header is not JSON`, { cause })
  }
  if (!isObject(header)) {
    throw new SafetensorsError(`${origin}: the header is not a JSON object`)
  }
  return { header: new Map(Object.entries(header)), dataStart }
}

const parseMetadata = (value: unknown, origin: string): Record<string, string> => {
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

/**
 * Tensors and metadata of a file's bytes; each tensor has memory of its own. F16 and BF16 become Float32Array exactly,
 * F64 is rounded to it; I8, I16 and I64 become Int32Array, BOOL Uint8Array; a value that does not fit is an error.
 * `origin` names the file in the SafetensorsErrors for headers and offsets that make no sense.
 */
export const decodeSafetensors = (bytes: Uint8Array, origin = 'safetensors'): Safetensors => {
  const { header, dataStart } = parseHeader(bytes, origin)
  const metadata = header.has(METADATA) ? parseMetadata(header.get(METADATA), origin) : {}
  header.delete(METADATA)

  const tensors = new Map<string, HostTensor>()
  const ranges: { name: string; begin: number; end: number }[] = []
  for (const [name, entry] of header) {
    if (!isTensorHeader(entry)) throw new SafetensorsError(`${origin}: the header of tensor ${name} makes no sense`)
    const { dtype, shape } = entry
    const [begin, end] = entry.data_offsets
    const type = Object.hasOwn(DTYPES, dtype) ? DTYPES[dtype] : undefined
    if (type === undefined) throw new SafetensorsError(`${origin}: tensor ${name} has the unknown type ${dtype}`)
    if (end - begin !== product(shape) * type.size) {
      throw new SafetensorsError(
        `${origin}: tensor ${name}, ${dtype} [${shape.join(', ')}], needs ${product(shape) * type.size} bytes, ` +
          `but its offsets hold ${end - begin}`,
      )
    }
    if (dataStart + end > bytes.length) {
      throw new SafetensorsError(
        `${origin}: tensor ${name} ends at byte ${dataStart + end}, but the file ends after ${bytes.length} bytes`,
      )
    }
    ranges.push({ name, begin, end })
    try {
      // `new Uint8Array` copies; a Buffer's own `slice` would be a view of memory that others use.
      tensors.set(name, {
        shape,
        data: type.read(new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end)).buffer),
      })
    } catch (cause) {
      throw cause instanceof SafetensorsError
        ? new SafetensorsError(`${origin}: tensor ${name} ${cause.message}`)
        : cause
    }
  }
  checkRanges(ranges, bytes.length - dataStart, origin)
  return { tensors, metadata }
}

/** Reads a file; a SafetensorsError names its path. Files of 2 GiB and more are beyond Node's one-piece reads. */
export const readSafetensors = (path: string): Safetensors => {
  let bytes: Uint8Array
  try {
    bytes = readWholeFile(path)
  } catch (cause) {
    throw new SafetensorsError(`${path}: cannot be read (${sentenceOf(cause)})`, { cause })
  }
  return decodeSafetensors(bytes, path)
}

/** Writes the file whole or not at all (a temporary name in the same folder, then a rename). */
export const writeSafetensors = (
  path: string,
  tensors: HostTensors,
  metadata?: Readonly<Record<string, string>>,
): void => writeFileAtomic(path, encodeSafetensors(tensors, metadata))
