import { expect } from 'chai'
import { leastTeacherDepth, lossPositions, studentFits } from '../../src/dsl/loss-positions.js'

describe('loss positions', () => {
  it('are the method’s table', () => {
    const table = {
      end: [[2], [5], [8], [11]],
      'mid+end': [
        [1, 2],
        [3, 5],
        [5, 8],
        [7, 11],
      ],
      'front+end': [
        [0, 1, 2],
        [1, 3, 5],
        [2, 5, 8],
        [3, 7, 11],
      ],
    } as const
    for (const [positions, rows] of Object.entries(table)) {
      const found = [3, 6, 9, 12].map((depth) => lossPositions(positions as keyof typeof table, depth))
      expect(found).to.deep.equal(rows)
    }
  })

  it('of a teacher round thirds of any depth, each to a block of its own', () => {
    expect(lossPositions('front+end', 4)).to.deep.equal([0, 2, 3])
    expect(lossPositions('front+end', 5)).to.deep.equal([1, 2, 4])
    expect(lossPositions('mid+end', 2)).to.deep.equal([0, 1])
    for (const positions of ['end', 'mid+end', 'front+end'] as const) {
      for (let depth = leastTeacherDepth(positions, 3); depth <= 48; depth++) {
        const blocks = lossPositions(positions, depth)
        expect(new Set(blocks).size).to.equal(blocks.length)
        expect(Math.min(...blocks)).to.be.at.least(0)
        expect(blocks.at(-1)).to.equal(depth - 1)
      }
    }
  })

  it('are refused for a model that is too shallow', () => {
    expect(() => lossPositions('front+end', 2)).to.throw(RangeError, 'depth 2')
    expect(() => lossPositions('end', 0)).to.throw(RangeError)
  })

  it('cut a student in thirds unless only its end is looked at', () => {
    expect([3, 4, 6].map((depth) => studentFits('front+end', depth))).to.deep.equal([true, false, true])
    expect(studentFits('mid+end', 4)).to.equal(false)
    expect(studentFits('end', 4)).to.equal(true)
  })
})
