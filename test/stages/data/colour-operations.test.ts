import { expect } from 'chai'
import { colorJitter } from '../../../src/stages/data/augment.js'
import { Canvas } from '../../../src/stages/data/canvas.js'
import {
  autoContrast,
  brightness,
  color,
  contrast,
  equalize,
  invert,
  posterize,
  sharpness,
  solarize,
  solarizeAdd,
} from '../../../src/stages/data/image-operations.js'
import { Generator } from '../../../src/stages/data/random.js'
import { changed, pattern, patterned } from './pattern.js'

// Values of Pillow 12.3, which these operations have to the last bit.
describe('colours of images', () => {
  const ENHANCED = [
    [
      'brightness',
      brightness,
      1.81,
      [
        72, 117, 162, 77, 123, 168, 97, 142, 188, 128, 173, 219, 83, 141, 197, 92, 150, 206, 114, 171, 228, 148, 206,
        255, 95, 164, 233, 106, 175, 244, 132, 200, 255, 168, 237, 74,
      ],
    ],
    [
      'contrast',
      contrast,
      0.19,
      [
        76, 81, 85, 77, 81, 86, 79, 83, 88, 82, 87, 91, 77, 83, 89, 78, 84, 90, 80, 86, 92, 84, 90, 96, 78, 86, 93, 80,
        87, 94, 82, 89, 97, 86, 93, 76,
      ],
    ],
    [
      'contrast',
      contrast,
      1.81,
      [
        3, 48, 94, 8, 54, 99, 28, 74, 119, 59, 104, 150, 14, 72, 128, 23, 81, 137, 45, 103, 159, 79, 137, 193, 27, 95,
        164, 37, 106, 175, 63, 132, 200, 99, 168, 5,
      ],
    ],
    [
      'color',
      color,
      0.19,
      [
        56, 60, 65, 59, 63, 68, 70, 74, 79, 87, 91, 96, 67, 73, 79, 72, 78, 84, 84, 90, 96, 103, 109, 115, 78, 85, 92,
        84, 91, 98, 98, 105, 112, 105, 113, 96,
      ],
    ],
    [
      'color',
      color,
      1.81,
      [
        23, 69, 114, 26, 72, 117, 37, 83, 128, 54, 100, 145, 24, 82, 138, 29, 87, 143, 41, 99, 155, 60, 118, 174, 27,
        96, 165, 33, 102, 171, 47, 116, 185, 80, 148, 0,
      ],
    ],
  ] as const
  for (const [name, enhance, factor, expected] of ENHANCED) {
    it(`${name} of three channels by ${factor} has Pillow's bytes`, () => {
      expect(changed(patterned(3, 4, 3), (canvas) => enhance(canvas, factor))).to.deep.equal(expected)
    })
  }

  const GREY = [
    [
      'contrast by 1.81',
      (canvas: Canvas) => contrast(canvas, 1.81),
      [11, 17, 36, 67, 113, 22, 31, 53, 87, 134, 35, 46, 71, 107, 158, 46, 60, 87, 127, 179],
    ],
    [
      'sharpness by 0.19',
      (canvas: Canvas) => sharpness(canvas, 0.19),
      [40, 43, 54, 71, 96, 46, 52, 64, 83, 108, 53, 60, 73, 94, 121, 59, 67, 82, 104, 133],
    ],
    [
      'sharpness by 1.81',
      (canvas: Canvas) => sharpness(canvas, 1.81),
      [40, 43, 54, 71, 96, 46, 49, 61, 80, 108, 53, 57, 72, 91, 121, 59, 67, 82, 104, 133],
    ],
    [
      'autoContrast',
      autoContrast,
      [0, 8, 38, 84, 153, 16, 30, 63, 115, 186, 35, 52, 90, 145, 222, 52, 74, 115, 175, 254],
    ],
    [
      'posterize to 4 bits',
      (canvas: Canvas) => posterize(canvas, 4),
      [32, 32, 48, 64, 96, 32, 48, 48, 80, 96, 48, 48, 64, 80, 112, 48, 64, 80, 96, 128],
    ],
    [
      'solarize from 100',
      (canvas: Canvas) => solarize(canvas, 100),
      [40, 43, 54, 71, 96, 46, 51, 63, 82, 147, 53, 59, 73, 93, 134, 59, 67, 82, 151, 122],
    ],
    [
      'solarizeAdd of 99',
      (canvas: Canvas) => solarizeAdd(canvas, 99),
      [139, 142, 153, 170, 195, 145, 150, 162, 181, 207, 152, 158, 172, 192, 220, 158, 166, 181, 203, 133],
    ],
    [
      'invert',
      invert,
      [215, 212, 201, 184, 159, 209, 204, 192, 173, 147, 202, 196, 182, 162, 134, 196, 188, 173, 151, 122],
    ],
  ] as const
  for (const [name, operation, expected] of GREY) {
    it(`${name} of one channel has Pillow's bytes`, () => {
      expect(changed(patterned(4, 5, 1), operation)).to.deep.equal(expected)
    })
  }

  it("equalize maps values as Pillow's does", () => {
    const canvas = new Canvas({ height: 20, width: 20, channels: 1 })
    canvas.pixels.forEach((_, at) => (canvas.pixels[at] = (at ** 2 % 17) * 15))
    const before = [...canvas.pixels]
    const map = new Map(changed(canvas, equalize).map((value, at) => [before[at], value]))
    expect([...map].sort(([a], [b]) => a - b)).to.deep.equal([
      [0, 0],
      [15, 24],
      [30, 71],
      [60, 118],
      [120, 165],
      [135, 212],
      [195, 255],
      [225, 255],
      [240, 255],
    ])
  })

  it('an image of one colour stays as it is where a histogram is stretched', () => {
    for (const operation of [autoContrast, equalize]) {
      const canvas = new Canvas({ height: 20, width: 20, channels: 3 })
      canvas.pixels.fill(77)
      expect(new Set(changed(canvas, operation))).to.deep.equal(new Set([77]))
    }
  })

  it('there is no colour to change without three channels', () => {
    for (const channels of [1, 4]) {
      expect(changed(patterned(4, 5, channels), (canvas) => color(canvas, 0.1))).to.deep.equal([
        ...pattern(4, 5, channels),
      ])
    }
  })

  it('colour jitter keeps the mean brightness within its strength, in either direction', () => {
    const generator = Generator.from(1, 'jitter')
    const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, x) => sum + x, 0) / values.length
    const before = mean(pattern(6, 6, 3))
    const ratios = Array.from({ length: 400 }, () => {
      return mean(changed(patterned(6, 6, 3), (canvas) => colorJitter(canvas, generator, 0.4))) / before
    })
    // Contrast and saturation lead to greys, which keep the mean but for truncation.
    expect(Math.min(...ratios)).to.be.within(0.57, 0.65)
    expect(Math.max(...ratios)).to.be.within(1.35, 1.43)
    expect(mean(ratios)).to.be.closeTo(0.99, 0.04)
  })
})
