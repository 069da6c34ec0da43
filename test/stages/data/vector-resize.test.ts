import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { kernelText } from '../../../build/resize-kernel.js'
import { drawCrop } from '../../../src/stages/data/augment.js'
import { Generator } from '../../../src/stages/data/random.js'
import { type Interpolation, Resizer } from '../../../src/stages/data/resize.js'
import { VectorResizer } from '../../../src/stages/data/vector-resize.js'

describe("resizing by the processor's vectors", () => {
  it('is there, and is made of its source: npm run build:kernel writes it', async () => {
    expect(VectorResizer.open()).to.not.equal(undefined)
    const file = fileURLToPath(new URL('../../../src/stages/data/resize-kernel.ts', import.meta.url))
    expect(readFileSync(file, 'utf8')).to.equal(await kernelText())
  })

  it('gives the same bytes as without them, for boxes and parts of any size, one after the other', () => {
    const generator = Generator.from(1, 'pixels')
    const [height, width] = [170, 230]
    // Nothing lies behind its last pixel.
    const picture = Uint8Array.from({ length: height * width * 3 }, () => 255 * generator.integer(2))
    const whole = { top: 0, left: 0, height, width }
    const shapes: readonly (readonly [height: number, width: number, interpolation: Interpolation])[] = [
      [16, 16, 'bicubic'],
      [23, 17, 'bilinear'],
      [7, 300, 'lanczos'],
      [1, 1, 'bicubic'],
    ]
    for (const [high, wide, interpolation] of shapes) {
      const shape = { height: high, width: wide, channels: 3 }
      const [plain, vector] = [new Resizer(shape, interpolation, false), new Resizer(shape, interpolation)]
      for (const box of [whole, ...Array.from({ length: 12 }, () => drawCrop(generator, height, width, 0.001))]) {
        const part = {
          top: generator.integer(3),
          left: generator.integer(4),
          of: { height: high + 2, width: wide + 3 },
        }
        for (const of of [undefined, part]) {
          const [expected, found] = [new Uint8ClampedArray(high * wide * 3), new Uint8ClampedArray(high * wide * 3)]
          plain.resize(picture, 0, width, box, expected, of)
          vector.resize(picture, 0, width, box, found, of)
          expect(found).to.deep.equal(expected)
        }
      }
    }
  })

  it('takes a picture in parts of its rows: memory does not grow with it', () => {
    const [height, width] = [3_000, 1_200]
    const picture = new Uint8Array(height * width * 3)
    for (let at = 0; at < picture.length; at++) picture[at] = (at * 31) % 251
    const shape = { height: 24, width: 24, channels: 3 }
    const [expected, found] = [new Uint8ClampedArray(24 * 24 * 3), new Uint8ClampedArray(24 * 24 * 3)]
    const box = { top: 0, left: 0, height, width }
    new Resizer(shape, 'bicubic', false).resize(picture, 0, width, box, expected)
    new Resizer(shape, 'bicubic').resize(picture, 0, width, box, found)
    expect(found).to.deep.equal(expected)
  })
})
