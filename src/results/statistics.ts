/** Extents, means and spreads. */

/**
 * The least and the largest; Infinity and −Infinity for no values at all, as `Math.min()` and `Math.max()` have it.
 * Those two take values as arguments, and a long list overflows the stack.
 */
export const extentOf = (values: Iterable<number>): readonly [low: number, high: number] => {
  let [low, high] = [Infinity, -Infinity]
  for (const value of values) {
    if (value < low) low = value
    if (value > high) high = value
  }
  return [low, high]
}

export const leastOf = (values: Iterable<number>): number => extentOf(values)[0]

export const largestOf = (values: Iterable<number>): number => extentOf(values)[1]

/** The length of the longest text. */
export const longestOf = (texts: Iterable<string>): number => {
  let longest = 0
  for (const text of texts) longest = Math.max(longest, text.length)
  return longest
}

export interface Spread {
  readonly mean: number
  /** Sample standard deviation, divided by n − 1; null for a single value. */
  readonly std: number | null
  readonly n: number
}

/** What one cell measured. */
export interface CellValue {
  readonly cell: string
  readonly seed: number
  readonly value: number
}

/** A figure over several cells, with every value that it comes from. */
export interface MeasuredFigure extends Spread {
  readonly values: readonly CellValue[]
}

export const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)

/** NaN for no values at all. */
export const meanOf = (values: readonly number[]): number => sumOf(values) / values.length

/** Undefined for no values at all. */
export const spreadOf = (values: readonly number[]): Spread | undefined => {
  const n = values.length
  if (n === 0) return undefined
  // Equal values have no spread, also where their mean is not exact.
  if (values.every((value) => value === values[0])) return { mean: values[0], std: n === 1 ? null : 0, n }
  const mean = meanOf(values)
  return { mean, std: Math.sqrt(sumOf(values.map((value) => (value - mean) ** 2)) / (n - 1)), n }
}

/** Undefined for no values at all. */
export const measuredOf = (values: readonly CellValue[]): MeasuredFigure | undefined => {
  const spread = spreadOf(values.map(({ value }) => value))
  return spread === undefined ? undefined : { ...spread, values }
}
