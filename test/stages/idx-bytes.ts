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

/** 64 black images of 28 × 28, and labels of which the last is of no class: what only reading them all tells. */
export const wrongData = (): { readonly images: Uint8Array; readonly labels: Uint8Array } => ({
  images: idxBytes([64, 28, 28], new Uint8Array(64 * 784)),
  labels: idxBytes([64], new Uint8Array(64).fill(99, 63)),
})
