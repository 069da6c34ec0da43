import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { OPERATIONS, randAugment } from '../../../src/stages/data/augment.js'
import { Generator } from '../../../src/stages/data/random.js'
import { pattern, patterned } from './pattern.js'

const FILL = [124, 116, 104]

/** First 12 hexadecimal digits of sha256 of what timm 1.0.29 with Pillow 12.3 makes of the 32 × 32 × 3 pattern. */
const TIMM: Readonly<
  Record<keyof typeof OPERATIONS, readonly [nine: string, minusNine: string, fourPointThree: string]>
> = {
  autoContrast: ['01b299d80a72', '01b299d80a72', '01b299d80a72'],
  equalize: ['aedb2e51044f', 'aedb2e51044f', 'aedb2e51044f'],
  invert: ['5260675271c0', '5260675271c0', '5260675271c0'],
  rotate: ['235300600278', 'ce9ef881f16e', '0d76abac1e43'],
  posterize: ['93ae6d294287', '93ae6d294287', '7b3754240fe4'],
  solarize: ['5260675271c0', '5260675271c0', '82b9fa15735e'],
  solarizeAdd: ['1bfcbf1b2775', '1bfcbf1b2775', '351456e423e7'],
  color: ['fe91fd1c6a8a', '8b5bbce53f40', '2eca6f79b8bd'],
  contrast: ['2ab661c94011', '1c74cf1fa9de', 'fe7a5206871f'],
  brightness: ['04e045d52737', 'facb73bae215', '89a96bcd4650'],
  sharpness: ['4f321e496c8a', '29cd3afbbbf5', '6a2e9f00c1dd'],
  shearX: ['db3b5783a453', '78215326eec6', '2503a2e390de'],
  shearY: ['2c5ebb8687ce', 'ac5bfb2aaa35', 'cc9820acb310'],
  translateX: ['27e18647295a', 'e9fde25e759e', '513363b98f76'],
  translateY: ['005425bac1ee', '7a622c7109c0', 'e0175590a1ea'],
}

const hash = (bytes: Uint8ClampedArray): string => createHash('sha256').update(bytes).digest('hex').slice(0, 12)

const original = pattern(16, 16, 3)

const isUnchanged = (bytes: Uint8ClampedArray): boolean => bytes.every((value, at) => value === original[at])

describe('RandAugment', () => {
  for (const [name, hashes] of Object.entries(TIMM)) {
    it(`${name} is timm's to the last bit, at magnitude 9 in both directions and at 4.3`, () => {
      const operation = OPERATIONS[name as keyof typeof OPERATIONS]
      const made = (
        [
          [0.9, 1],
          [0.9, -1],
          [0.43, 1],
        ] as const
      ).map(([share, sign]) => {
        const canvas = patterned(32, 32, 3, FILL)
        operation(canvas, share, sign)
        return hash(canvas.pixels)
      })
      expect(made).to.deep.equal(hashes)
    })
  }

  it('does each drawn operation with probability one half', () => {
    const generator = Generator.from(3, 'probability')
    for (const [operations, share] of [
      [1, 1 / 2],
      [2, 1 / 4],
    ] as const) {
      const count = 2000
      let unchanged = 0
      for (let i = 0; i < count; i++) {
        const canvas = patterned(16, 16, 3, FILL)
        randAugment(canvas, generator, { operations, magnitude: 9, std: 0 })
        if (isUnchanged(canvas.pixels)) unchanged++
      }
      // Four standard deviations.
      expect(unchanged / count).to.be.closeTo(share, 4 * Math.sqrt((share * (1 - share)) / count))
    }
  })

  it('draws all operations and both signs, equally often', () => {
    const generator = Generator.from(4, 'operations')
    const counts = new Map<string, number>()
    for (let i = 0; i < 6000; i++) {
      const canvas = patterned(16, 16, 3, FILL)
      randAugment(canvas, generator, { operations: 1, magnitude: 9, std: 0 })
      if (!isUnchanged(canvas.pixels)) counts.set(hash(canvas.pixels), (counts.get(hash(canvas.pixels)) ?? 0) + 1)
    }
    // Nine operations have a sign. Of the others, solarize from 26 on inverts this image.
    const expected = [...Array<number>(18).fill(100), ...Array<number>(4).fill(200), 400]
    const found = [...counts.values()].sort((a, b) => a - b)
    expect(found.length).to.equal(expected.length)
    found.forEach((count, i) => expect(count).to.be.closeTo(expected[i], 4 * Math.sqrt(expected[i])))
  })

  it('draws the magnitude around the given one, and never beyond 0 and 10', () => {
    const generator = Generator.from(5, 'magnitude')
    const made = (magnitude: number, std: number) => {
      const seen = new Set<string>()
      for (let i = 0; i < 600; i++) {
        const canvas = patterned(16, 16, 3, FILL)
        randAugment(canvas, generator, { operations: 1, magnitude, std })
        seen.add(hash(canvas.pixels))
      }
      return seen.size
    }
    const fixed = made(9, 0)
    expect(made(9, 0.5)).to.be.greaterThan(4 * fixed)
    // Far outside, every draw is the bound.
    expect(made(1000, 0.5)).to.be.at.most(fixed + 2)
  })
})
