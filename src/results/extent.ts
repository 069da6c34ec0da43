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
