/** The value below which this share of the sorted values lies, interpolated between the two nearest. */
export const quantile = (sorted: readonly number[], share: number): number => {
  const at = share * (sorted.length - 1)
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!]
  return low + (high - low) * (at - Math.floor(at))
}
