/** An IDX file's bytes: header for `sizes` (rank = their number), then `values`, which need not fit. */
export const idxBytes = (sizes: readonly number[], values: ArrayLike<number>): Uint8Array => {
  const header = new DataView(new ArrayBuffer(4 + 4 * sizes.length))
  header.setUint32(0, 0x0800 + sizes.length)
  sizes.forEach((size, axis) => header.setUint32(4 + 4 * axis, size))
  return Uint8Array.from([...new Uint8Array(header.buffer), ...Array.from(values)])
}

/** Pixels that tell the images apart: pixel p of image i is (7 i + p) mod 256. */
export const countingPixels = (count: number, size: number): number[] =>
  Array.from({ length: count * size }, (_, at) => (7 * Math.floor(at / size) + (at % size)) % 256)
