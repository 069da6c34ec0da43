/** Writes protocol buffer messages: the few wire types that a TensorFlow graph takes. */

/** One field, encoded. */
export type Field = Uint8Array

const varint = (value: bigint): number[] => {
  // A negative number is written as its 64 bits.
  let rest = BigInt.asUintN(64, value)
  const bytes: number[] = []
  do {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    bytes.push(rest > 0n ? low | 0x80 : low)
  } while (rest > 0n)
  return bytes
}

const tag = (field: number, wireType: number): number[] => varint(BigInt((field << 3) | wireType))

/** Any integer, enum or boolean. */
export const integerField = (field: number, value: number | boolean): Field =>
  Uint8Array.from([...tag(field, 0), ...varint(BigInt(value))])

/** A 32-bit float. */
export const floatField = (field: number, value: number): Field => {
  const bytes = new Uint8Array(Float32Array.of(value).buffer)
  return Uint8Array.from([...tag(field, 5), ...bytes])
}

/** Bytes, or text as UTF-8. */
export const bytesField = (field: number, value: Uint8Array | string): Field => {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([Uint8Array.from([...tag(field, 2), ...varint(BigInt(bytes.length))]), bytes])
}

/** A message inside a message. */
export const messageField = (field: number, ...fields: readonly Field[]): Field =>
  bytesField(field, Buffer.concat(fields))

export const message = (...fields: readonly Field[]): Uint8Array => Buffer.concat(fields)
