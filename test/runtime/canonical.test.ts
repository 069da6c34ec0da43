import { isDeepStrictEqual } from 'node:util'
import { expect } from 'chai'
import { asEncoded, canonical, hashOf, NotPlainDataError } from '../../src/runtime/canonical.js'

/** A small generator of its own, so that a failure can be repeated. */
const randomNumbers = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const leaves: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  1,
  -1,
  0.1,
  1e21,
  '',
  '0',
  '1',
  'a',
  'ab',
  'n1;',
  's1:a',
  'é',
  '\ud800',
]
const keys = ['a', 'b', 'ab', '1', '', '__proto__x']

/** Few leaves and shallow nesting, so that equal pairs and near misses are common. */
const randomValue = (random: (below: number) => number, depth: number): unknown => {
  const shape = depth === 0 ? 0 : random(4)
  if (shape < 2) return leaves[random(leaves.length)]
  if (shape === 2) return Array.from({ length: random(3) }, () => randomValue(random, depth - 1))
  return Object.fromEntries(
    Array.from({ length: random(3) }, () => [keys[random(keys.length)], randomValue(random, depth - 1)]),
  )
}

describe('the canonical encoding', () => {
  it('is the same for two values exactly when they are equal (20 000 random pairs)', () => {
    const random = randomNumbers(7)
    let equal = 0
    for (let pair = 0; pair < 20_000; pair++) {
      const [a, b] = [randomValue(random, 2), randomValue(random, 2)]
      const same = isDeepStrictEqual(a, b)
      if (same) equal += 1
      expect(canonical(a) === canonical(b), JSON.stringify([a, b])).to.equal(same)
      expect(hashOf(a) === hashOf(b), JSON.stringify([a, b])).to.equal(same)
    }
    expect(equal, 'pairs that were equal').to.be.above(100)
  })

  const different: readonly (readonly [string, unknown, unknown])[] = [
    ['a number and its digits', 1, '1'],
    ['an empty list and an empty object', [], {}],
    ['a list and an object with its indices', ['a'], { 0: 'a' }],
    ['the two zeros', 0, -0],
    ['null and the word', null, 'null'],
    ['true and 1', true, 1],
    ['items on either side of a boundary', [['a'], 'b'], [['a', 'b']]],
    ['strings on either side of a boundary', ['ab', 'c'], ['a', 'bc']],
    ['keys and values on either side of a boundary', { a: 'bc' }, { ab: 'c' }],
    ['a string that looks like two', ['as1:b'], ['a', 'b']],
    ['lone surrogates', '\ud800', '\ud801'],
    ['a lone surrogate and what it is replaced by in UTF-8', '\ud800', '\ufffd'],
    ['composed and decomposed letters', 'é', 'e\u0301'],
    ['neighbouring numbers', 0.1 + 0.2, 0.3],
    ['null and no value', { a: null }, {}],
  ]
  for (const [what, a, b] of different) {
    it(`tells apart: ${what}`, () => {
      expect(canonical(a)).not.to.equal(canonical(b))
      expect(hashOf(a)).not.to.equal(hashOf(b))
    })
  }

  it('does not know the order of keys, at any depth', () => {
    const [a, b] = [
      { x: 1, y: { p: [1], q: 2 } },
      { y: { q: 2, p: [1] }, x: 1 },
    ]
    expect(hashOf(a)).to.equal(hashOf(b))
  })

  it('takes a key without a value for no key', () => {
    expect(canonical({ a: 1, b: undefined })).to.equal(canonical({ a: 1 }))
  })

  class Own {
    readonly a = 1
  }
  const refused: readonly (readonly [string, unknown])[] = [
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['a function', () => 1],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['an instance of a class', new Own()],
    ['a symbol', Symbol('a')],
    ['a bigint', 1n],
    ['undefined in a list', undefined],
    ['bytes', new Uint8Array(1)],
  ]
  for (const [what, value] of refused) {
    it(`refuses ${what} and says where it is`, () => {
      expect(() => canonical({ deep: [value] }, 'params')).to.throw(NotPlainDataError, /^params\.deep\[0\] is /)
    })
  }

  it('refuses a list with a hole', () => {
    const holed = [1, 2, 3]
    delete holed[1]
    expect(() => canonical(holed, 'params')).to.throw(NotPlainDataError, /^params\[1\] is /)
  })

  it('takes the same object twice, side by side', () => {
    const shared = { a: 1 }
    expect(canonical([shared, shared])).to.equal(canonical([{ a: 1 }, { a: 1 }]))
  })

  it('refuses a value that contains itself', () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = { cycle }
    expect(() => canonical(cycle, 'params')).to.throw(NotPlainDataError, /params.*itself/)
  })

  it('is all that is read of a value: what is encoded the same is written the same', () => {
    const written = (value: unknown): string => JSON.stringify(asEncoded(value))
    const one = { b: [{ d: 1, c: undefined, a: 2 }], a: 'x', 10: 1, 9: 2 }
    const other = { 9: 2, a: 'x', 10: 1, b: [{ a: 2, d: 1 }], e: undefined }
    expect(canonical(one)).to.equal(canonical(other))
    expect(written(one)).to.equal(written(other)).and.to.equal('{"9":2,"10":1,"a":"x","b":[{"a":2,"d":1}]}')
  })
})
