/** Mean and spread of what several cells measured. */

/** The least and the largest of any number of values: as arguments of a call they would be too many for the stack. */

/** Infinity and −Infinity for no values at all, like `Math.min()` and `Math.max()`. */
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

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Undefined for no values at all. */
export const spreadOf = (values: readonly number[]): Spread | undefined => {
  const n = values.length
  if (n === 0) return undefined
  // Equal values have no spread, also where their mean is not exact.
  if (values.every((value) => value === values[0])) return { mean: values[0]!, std: n === 1 ? null : 0, n }
  const mean = meanOf(values)
  return { mean, std: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1)), n }
}

/** Undefined for no values at all. */
export const measuredOf = (values: readonly CellValue[]): MeasuredFigure | undefined => {
  const spread = spreadOf(values.map(({ value }) => value))
  return spread === undefined ? undefined : { ...spread, values }
}
