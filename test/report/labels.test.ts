import { expect } from 'chai'
import { type Bounds, type PlacedLabel, placeLabels } from '../../src/report/drawing/labels.js'
import { fontSize, shortened, textWidth } from '../../src/report/drawing/svg.js'

const bounds: Bounds = { left: 0, top: 0, right: 800, bottom: 400 }

const boxOf = ({ textX, textY, width }: PlacedLabel) => ({
  left: textX,
  right: textX + width,
  top: textY - fontSize,
  bottom: textY + 2,
})

describe('names beside points', () => {
  const points = Array.from({ length: 40 }, (_, i) => ({ x: 20 + ((i * 197) % 760), y: 20 + ((i * 131) % 360) }))
  const wishes = points.slice(0, 12).map((point, i) => ({ ...point, label: `tiny[0..${i}]→base[${i}..11]` }))
  const placed = placeLabels(wishes, points, bounds)

  it('do not overlap each other and stay inside', () => {
    expect(placed.length).to.be.above(8)
    for (const [index, label] of placed.entries()) {
      const a = boxOf(label)
      expect(a.left).to.be.at.least(0)
      expect(a.right).to.be.at.most(800)
      for (const other of placed.slice(index + 1)) {
        const b = boxOf(other)
        const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top
        expect(apart, `${label.label} and ${other.label}`).to.equal(true)
      }
    }
  })

  it('of two points in one place go to two places', () => {
    const both = placeLabels(
      [
        { x: 100, y: 100, label: 'tiny' },
        { x: 100, y: 101, label: 'tiny alone' },
      ],
      [],
      bounds,
    )
    expect(both).to.have.length(2)
    expect([both[0].textX, both[0].textY]).not.to.deep.equal([both[1].textX, both[1].textY])
  })

  it('are left out where there is no room at all', () => {
    const small = { left: 0, top: 0, right: 30, bottom: 20 }
    expect(placeLabels([{ x: 5, y: 5, label: 'a name that is far too long' }], [], small)).to.deep.equal([])
  })
})

describe('a name that is too long', () => {
  it('is shortened in its middle until it fits', () => {
    const name = 'init=leastSquares, positions=front+end, tiny[0..11]→base[11..11]'
    const short = shortened(name, 200)
    expect(textWidth(short)).to.be.at.most(200)
    expect(short).to.match(/^init=.*….*11\]$/)
    expect(shortened('tiny', 200)).to.equal('tiny')
  })
})
