/** IEEE half precision (1 sign, 5 exponent, 10 fraction bits) to single; every half is exact as a single. */
export const halfToFloat = (half: number): number => {
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
export const bfloatToFloat = (bfloat: number): number => {
  word[0] = bfloat << 16
  return single[0]
}
