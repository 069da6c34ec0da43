import { expect } from 'chai'
import { Canvas } from '../../../src/stages/data/canvas.js'
import { flip, rotate, shearX, shearY, translateX, translateY } from '../../../src/stages/data/image-operations.js'
import { type Box, Resizer } from '../../../src/stages/data/resize.js'
import { changed, channelOf, pattern, patterned } from './pattern.js'

const whole = (height: number, width: number): Box => ({ top: 0, left: 0, height, width })

const resized = (height: number, width: number, channels: number, box: Box, to: readonly [number, number]) => {
  const target = new Uint8ClampedArray(to[0] * to[1] * channels)
  const resizer = new Resizer({ height: to[0], width: to[1], channels })
  resizer.resize(pattern(height, width, channels), 0, width, box, target)
  return [...target]
}

// Values of Pillow 12.3, which these operations have to the last bit.
describe('geometry of images', () => {
  const MOVES = [
    [
      'rotate by 27°',
      (canvas: Canvas) => rotate(canvas, 27),
      [33, 48, 64, 92, 113, 40, 49, 68, 92, 120, 46, 53, 66, 88, 121, 51, 57, 70, 88, 33],
    ],
    [
      'rotate by −9°',
      (canvas: Canvas) => rotate(canvas, -9),
      [41, 41, 49, 62, 88, 48, 51, 60, 75, 99, 56, 62, 75, 93, 117, 61, 71, 87, 111, 133],
    ],
    [
      'shearX by 0.27',
      (canvas: Canvas) => shearX(canvas, 0.27),
      [40, 44, 57, 76, 98, 46, 54, 69, 95, 111, 54, 65, 83, 113, 33, 65, 80, 101, 131, 33],
    ],
    [
      'shearY by −0.27',
      (canvas: Canvas) => shearY(canvas, -0.27),
      [39, 41, 33, 33, 33, 44, 46, 56, 71, 94, 51, 55, 66, 83, 103, 58, 64, 77, 94, 117],
    ],
    [
      'translateX by 0.3',
      (canvas: Canvas) => translateX(canvas, 0.3),
      [46, 60, 85, 33, 33, 55, 70, 97, 33, 33, 64, 81, 109, 33, 33, 72, 91, 121, 33, 33],
    ],
    [
      'translateY by −0.405',
      (canvas: Canvas) => translateY(canvas, -0.405),
      [33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 41, 45, 56, 74, 99, 48, 54, 67, 86, 113],
    ],
  ] as const
  for (const [name, move, expected] of MOVES) {
    it(`${name} has Pillow's bytes`, () => {
      expect(changed(patterned(4, 5, 1, [33]), move)).to.deep.equal(expected)
    })
  }

  it('moves every channel like an image of its own, and fills each with its own colour', () => {
    const three = changed(patterned(7, 6, 3, [1, 2, 3]), (canvas) => rotate(canvas, 20))
    for (const channel of [0, 1, 2]) {
      const alone = new Canvas({ height: 7, width: 6, channels: 1 }, [channel + 1])
      alone.pixels.set(channelOf(pattern(7, 6, 3), channel, 3))
      rotate(alone, 20)
      expect(channelOf(three, channel, 3)).to.deep.equal([...alone.pixels])
    }
  })

  const RESIZES = [
    [whole(9, 10), [4, 5], [46, 69, 119, 106, 103, 62, 95, 106, 96, 101, 80, 115, 99, 90, 110, 96, 127, 92, 118, 106]],
    [
      { top: 2, left: 1, height: 3, width: 4 },
      [5, 6],
      [
        57, 63, 75, 88, 108, 122, 60, 67, 79, 92, 113, 127, 66, 73, 85, 100, 121, 135, 72, 79, 92, 108, 129, 144, 75,
        83, 96, 112, 134, 149,
      ],
    ],
    [
      { top: 1, left: 3, height: 8, width: 2 },
      [3, 5],
      [89, 94, 107, 120, 126, 119, 121, 126, 131, 132, 158, 143, 104, 64, 50],
    ],
  ] as const
  for (const [box, to, expected] of RESIZES) {
    it(`a box of ${box.height} × ${box.width} resized to ${to.join(' × ')} has Pillow's bytes`, () => {
      expect(resized(9, 10, 1, box, to)).to.deep.equal(expected)
    })
  }

  for (const channels of [2, 3]) {
    it(`resizes each of ${channels} channels like an image of its own`, () => {
      const box = { top: 1, left: 2, height: 6, width: 5 }
      const together = resized(9, 10, channels, box, [4, 7])
      const resizer = new Resizer({ height: 4, width: 7, channels: 1 })
      for (let channel = 0; channel < channels; channel++) {
        const target = new Uint8ClampedArray(28)
        const alone = Uint8Array.from(channelOf(pattern(9, 10, channels), channel, channels))
        resizer.resize(alone, 0, 10, box, target)
        expect(channelOf(together, channel, channels)).to.deep.equal([...target])
      }
    })
  }

  it('a resizer gives the same whatever it resized before, and the image itself where nothing changes', () => {
    const resizer = new Resizer({ height: 9, width: 10, channels: 1 })
    const target = new Uint8ClampedArray(90)
    for (const box of [whole(9, 10), { top: 0, left: 0, height: 2, width: 9 }, whole(9, 10)]) {
      resizer.resize(pattern(9, 10, 1), 0, 10, box, target)
    }
    expect([...target]).to.deep.equal([...pattern(9, 10, 1)])
  })

  it('flips left and right, pixel by pixel', () => {
    const canvas = new Canvas({ height: 2, width: 3, channels: 2 })
    canvas.pixels.set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(changed(canvas, flip)).to.deep.equal([5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8])
  })
})
