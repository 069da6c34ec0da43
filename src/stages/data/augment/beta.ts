import type { Generator } from '../random.js'

/**
 * Logarithm of a Gamma(shape, 1) draw, shape above 0 (Marsaglia and Tsang, "A simple method for generating gamma variables",
 * 2000). The logarithm, because small shapes draw what no double holds.
 */
const logGamma = (generator: Generator, shape: number): number => {
  // Never 0: it goes into a logarithm.
  const positive = () => 1 - generator.uniform()
  if (shape < 1) return logGamma(generator, shape + 1) + Math.log(positive()) / shape
  const d = shape - 1 / 3
  for (;;) {
    const x = generator.normal()
    const root = 1 + x / Math.sqrt(9 * d)
    if (root <= 0) continue
    const v = root * root * root
    if (Math.log(positive()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v)
  }
}

/** A draw of Beta(alpha, alpha), alpha above 0. */
export const drawBeta = (generator: Generator, alpha: number): number => {
  const [first, second] = [logGamma(generator, alpha), logGamma(generator, alpha)]
  return 1 / (1 + Math.exp(second - first))
}
