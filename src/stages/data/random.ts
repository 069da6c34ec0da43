import { createHash } from 'node:crypto'

const rotateLeft = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits))

/**
 * The project's only source of randomness: xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2021). Its whole state is four 32-bit words, so a checkpoint that stores `state()` continues the
 * stream exactly. Same values on every platform and Node version: nothing but integer arithmetic, `sqrt` and `log`.
 */
export class Generator {
  // Int32Array: the generator works on 32-bit words, and typed memory keeps V8 from boxing them.
  readonly #words: Int32Array

  private constructor(words: Int32Array) {
    this.#words = words
  }

  /** The stream of `seed` for one purpose; other labels (`'take'`, `'epoch', '3'`) give independent streams. */
  static from(seed: number, ...labels: string[]): Generator {
    // JSON keeps ['ab'] and ['a', 'b'] apart.
    const digest = createHash('sha256')
      .update(JSON.stringify([seed, ...labels]))
      .digest()
    return new Generator(Int32Array.from({ length: 4 }, (_, word) => digest.readInt32LE(4 * word)))
  }

  /** The generator whose `state()` gave these four words. Throws a RangeError when they cannot be a state. */
  static restore(state: readonly number[]): Generator {
    const isState = state.length === 4 && state.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32)
    if (!isState || state.every((word) => word === 0)) {
      throw new RangeError(`a generator's state is four 32-bit words, not all zero; found [${state.join(', ')}]`)
    }
    return new Generator(Int32Array.from(state, (word) => word | 0))
  }

  /** Four words, 0 ≤ word < 2³²; plain numbers, so that they can be stored as JSON. */
  state(): number[] {
    return Array.from(this.#words, (word) => word >>> 0)
  }

  /** Uniform over 0 … 2³² − 1. */
  uint32(): number {
    const words = this.#words
    const result = Math.imul(rotateLeft(Math.imul(words[1], 5), 7), 9) >>> 0
    const shifted = words[1] << 9
    words[2] ^= words[0]
    words[3] ^= words[1]
    words[1] ^= words[2]
    words[0] ^= words[3]
    words[2] ^= shifted
    words[3] = rotateLeft(words[3], 11)
    return result
  }

  /** Uniform over [0, 1) with all 53 bits of a double; takes two words. */
  uniform(): number {
    const high = this.uint32() >>> 5
    const low = this.uint32() >>> 6
    return (high * 2 ** 26 + low) / 2 ** 53
  }

  /** Uniform over 0 … n − 1, without bias, 1 ≤ n ≤ 2³²; else a RangeError. */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) {
      throw new RangeError(`an integer is drawn below a whole number from 1 to 2³², not ${n}`)
    }
    // The words from here on would favour the small remainders.
    const limit = 2 ** 32 - (2 ** 32 % n)
    let word = this.uint32()
    while (word >= limit) word = this.uint32()
    return word % n
  }

  /**
   * Standard normal, by Marsaglia's polar method. Its second value is thrown away, so that the four words stay the
   * whole state; trigonometric functions are avoided because their last digit depends on the version of V8.
   */
  normal(): number {
    for (;;) {
      const x = 2 * this.uniform() - 1
      const y = 2 * this.uniform() - 1
      const square = x * x + y * y
      if (square > 0 && square < 1) return x * Math.sqrt((-2 * Math.log(square)) / square)
    }
  }

  /** 0 … n − 1 in random order (Fisher–Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, index) => index)
    for (let last = n - 1; last > 0; last--) {
      const other = this.integer(last + 1)
      const value = order[last]
      order[last] = order[other]
      order[other] = value
    }
    return order
  }

  /** `k` distinct numbers of 0 … n − 1, ascending; every subset is equally likely. RangeError when k > n. */
  sample(n: number, k: number): Int32Array {
    if (!Number.isInteger(k) || k < 0 || k > n) throw new RangeError(`cannot draw ${k} distinct numbers of ${n}`)
    return this.permutation(n).subarray(0, k).slice().sort()
  }
}
