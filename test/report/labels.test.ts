import { expect } from 'chai'
import { type Bounds, drawLabels, type PlacedLabel, placeLabels } from '../../src/report/drawing/labels.js'
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

  it('have lines to their points that cross neither each other nor another name', () => {
    // Points close together on a narrow figure: all but a few names have to go far away.
    const close = Array.from({ length: 12 }, (_, i) => ({
      x: 120 + ((i * 37) % 60),
      y: 120 + ((i * 23) % 50),
      label: `model${i}`,
    }))
    const symbols = close.map((point) => ({ ...point, isSymbol: true }))
    const narrow = placeLabels(close, symbols, { left: 0, top: 0, right: 348, bottom: 300 })
    expect(narrow.filter(({ isFar }) => isFar).length).to.be.above(3)
    const drawn = drawLabels(narrow)
    const lines = [...drawn.matchAll(/<line x1="([-\d.]+)" y1="([-\d.]+)" x2="([-\d.]+)" y2="([-\d.]+)"/g)].map(
      (found) => found.slice(1).map(Number),
    )
    const side = ([ax, ay]: number[], [bx, by]: number[], [cx, cy]: number[]): number =>
      Math.sign((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
    const cross = ([a, b, c, d]: number[], [e, f, g, h]: number[]): boolean =>
      side([a, b], [c, d], [e, f]) * side([a, b], [c, d], [g, h]) < 0 &&
      side([e, f], [g, h], [a, b]) * side([e, f], [g, h], [c, d]) < 0
    expect(lines.length).to.be.above(3)
    for (const [index, line] of lines.entries()) {
      for (const other of lines.slice(index + 1)) expect(cross(line, other), `${line} and ${other}`).to.equal(false)
    }
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
