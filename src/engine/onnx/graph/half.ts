/** Numbers in half precision: IEEE 754's binary16, 1 sign, 5 exponent and 10 fraction bits. */

const single = new Float32Array(1)
const bits = new Uint32Array(single.buffer)

/** The bits of the half that is nearest, of two as near the even one. What is beyond ±65 504 becomes infinite. */
export const halfOf = (value: number): number => {
  single[0] = value
  const word = bits[0]
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  // Below 2⁻¹⁴ a half counts in steps of 2⁻²⁴: added to 0.5, whose steps in single precision these are, it is rounded.
  if (magnitude < 0x38800000) {
    single[0] = Math.abs(value) + 0.5
    return sign | (bits[0] - 0x3f000000)
  }
  const odd = (magnitude >>> 13) & 1
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13)
}
