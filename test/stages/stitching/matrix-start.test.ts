import { expect } from 'chai'
import { stitchPositions } from '../../../src/dsl/grid.js'
import { Generator } from '../../../src/stages/data/random.js'
import type { Affine } from '../../../src/stages/stitching/affine.js'
import {
  composedMaps,
  layerDepths,
  learnedMaps,
  type MatrixStart,
  nearestPosition,
  type StudentMatrices,
} from '../../../src/stages/stitching/matrix-start.js'
import { tinyConfig } from '../model-stage-runs.js'

const TEACHER = 6

const random = (out: number, inner: number, label: string): Affine => {
  const generator = Generator.from(1, label)
  const normals = (length: number) => Float64Array.from({ length }, () => generator.normal())
  return { out, inner, weight: normals(out * inner), bias: normals(out) }
}

const student = (width: number, depth: number, positions: readonly number[]): StudentMatrices => ({
  config: tinyConfig(width, depth),
  positions,
  map: positions.map((p) => random(width, TEACHER, `map ${width} ${p}`)),
  reverse: positions.map((p) => random(TEACHER, width, `reverse ${width} ${p}`)),
})

const [NARROW, MID, WIDE] = [2, 4, TEACHER].map((width) => student(width, 6, [1, 3, 5]))
const WINDOW = { kernel: 2, stride: 1, twoWay: false }
const pair = (front: StudentMatrices, end: StudentMatrices) => ({
  front,
  end,
  positions: stitchPositions(front.config.depth, end.config.depth, WINDOW),
})
const start = (changes: Partial<MatrixStart> = {}): MatrixStart => ({
  matrices: 'mean',
  inverse: 'transpose',
  ...changes,
})

/** What the map makes of a vector. */
const apply = ({ out, inner, weight, bias }: Affine, x: readonly number[]): number[] =>
  Array.from({ length: out }, (_, row) =>
    x.reduce((sum, value, column) => sum + weight[row * inner + column] * value, bias[row]),
  )

const linear = (map: Affine): Affine => ({ ...map, bias: new Float64Array(map.out) })

const mean = (maps: readonly Affine[], x: readonly number[]): number[] =>
  maps
    .map((map) => apply(map, x))
    .reduce((sum, y) => sum.map((value, at) => value + y[at]))
    .map((value) => value / maps.length)

/** Mᵀ·x without a shift. */
const turned = ({ inner, weight }: Affine, x: readonly number[]): number[] =>
  Array.from({ length: inner }, (_, column) =>
    x.reduce((sum, value, row) => sum + weight[row * inner + column] * value, 0),
  )

const X = [0.7, -1.2, 0.4, 2, -0.3, 1.1]

const expectMaps = (maps: readonly Affine[], x: readonly number[], expected: (layer: number) => number[]): void => {
  expect(maps).to.have.length(5)
  maps.forEach((map, layer) =>
    apply(map, x).forEach((value, at) => expect(value).to.be.closeTo(expected(layer)[at], 1e-9, `layer ${layer}`)),
  )
}

/** Loss positions 1, 3, 5 of six blocks: layers lie after about 1, 2.2, 3.2, 4.2, 5.2 blocks. */
const NEAREST = [0, 0, 1, 1, 2]

describe('starts from learned matrices', () => {
  const x = X.slice(0, 2)

  it('learned is the mean of the front’s maps transposed where the end is as wide as the teacher', () => {
    const expected = NARROW.map.map((map) => turned(map, x)).reduce((sum, y) => sum.map((v, at) => v + y[at]))
    expectMaps(learnedMaps(pair(NARROW, WIDE), TEACHER, start()), x, () => expected.map((value) => value / 3))
  })

  it('learned into a narrower end goes on through its mean map, without any bias', () => {
    const back = NARROW.map.map((map) => turned(map, x)).reduce((sum, y) => sum.map((v, at) => v + y[at]))
    const expected = mean(MID.map.map(linear), back.map((value) => value / 3)) // prettier-ignore
    expectMaps(learnedMaps(pair(NARROW, MID), TEACHER, start()), x, () => expected)
  })

  it('learned by the nearest matrices takes those of one loss position on both sides', () => {
    expectMaps(learnedMaps(pair(NARROW, MID), TEACHER, start({ matrices: 'nearest' })), x, (layer) =>
      apply(linear(MID.map[NEAREST[layer]]), turned(NARROW.map[NEAREST[layer]], x)),
    )
  })

  it('learned by pseudo-inverse gives a feature that the front’s map makes back to the teacher, shift and all', () => {
    const maps = learnedMaps(pair(NARROW, WIDE), TEACHER, start({ inverse: 'pseudoInverse', matrices: 'nearest' }))
    maps.forEach((map, layer) => {
      const forward = NARROW.map[NEAREST[layer]]
      const there = apply(map, x)
      apply(forward, there).forEach((value, at) => expect(value).to.be.closeTo(x[at], 1e-9))
      // The shortest of all that do: a combination of the map's rows.
      const rows = Array.from({ length: 2 }, (_, row) => [
        ...forward.weight.subarray(row * TEACHER, (row + 1) * TEACHER),
      ])
      const [[a, b], [c, d]] = rows.map((u) => rows.map((v) => u.reduce((sum, value, at) => sum + value * v[at], 0)))
      const [p, q] = rows.map((u) => u.reduce((sum, value, at) => sum + value * there[at], 0))
      const [s, t] = [(p * d - q * b) / (a * d - b * c), (q * a - p * c) / (a * d - b * c)]
      there.forEach((value, at) => expect(value).to.be.closeTo(s * rows[0][at] + t * rows[1][at], 1e-9))
    })
    const composed = learnedMaps(pair(NARROW, MID), TEACHER, start({ inverse: 'pseudoInverse', matrices: 'nearest' }))
    expectMaps(composed, x, (layer) => apply(MID.map[NEAREST[layer]], apply(maps[layer], x)))
  })

  it('learned from a front as wide as the teacher is the narrow end’s own map', () => {
    expectMaps(learnedMaps(pair(WIDE, NARROW), TEACHER, start()), X, () => mean(NARROW.map.map(linear), X))
    const whole = learnedMaps(pair(WIDE, NARROW), TEACHER, start({ inverse: 'pseudoInverse', matrices: 'nearest' }))
    expectMaps(whole, X, (layer) => apply(NARROW.map[NEAREST[layer]], X))
  })

  it('composed goes to the teacher by the front’s own matrix and on by the end’s, biases and all', () => {
    for (const [front, end] of [
      [NARROW, WIDE],
      [NARROW, MID],
      [WIDE, NARROW],
    ]) {
      const from = X.slice(0, front.config.embedDim)
      expectMaps(composedMaps(pair(front, end), start({ matrices: 'nearest' })), from, (layer) =>
        apply(end.map[NEAREST[layer]], apply(front.reverse[NEAREST[layer]], from)),
      )
      expectMaps(composedMaps(pair(front, end), start()), from, () => mean(end.map, mean(front.reverse, from)))
    }
  })

  it('of students distilled towards the teacher, uses a front’s matrices as they are and turns an end’s round', () => {
    const hinted = (given: StudentMatrices): StudentMatrices => ({ ...given, map: [] })
    const [front, end, wide] = [NARROW, MID, WIDE].map(hinted)
    expectMaps(learnedMaps(pair(front, wide), TEACHER, start()), x, () => mean(front.reverse, x))
    const byTranspose = start({ matrices: 'nearest' })
    expectMaps(learnedMaps(pair(front, end), TEACHER, byTranspose), x, (layer) =>
      turned(end.reverse[NEAREST[layer]], apply(front.reverse[NEAREST[layer]], x)),
    )
    const composed = composedMaps(pair(front, wide), byTranspose)
    composed.forEach((map, layer) => {
      // A square matrix has a true inverse: what the end makes of it is what the front makes of x.
      const there = apply(wide.reverse[NEAREST[layer]], apply(map, x))
      const expected = apply(front.reverse[NEAREST[layer]], x)
      there.forEach((value, at) => expect(value).to.be.closeTo(expected[at], 1e-6))
    })
  })

  it('a layer lies between what its fronts have run and what its ends go on from', () => {
    // (0,0) (0,1) (1,0) (1,1): the fronts have run 1, 1, 2, 2 blocks, the ends take up after 0, 1, 0, 1.
    const [first, second] = layerDepths(stitchPositions(4, 4, WINDOW), 4, 4)
    expect(first).to.be.closeTo((1.5 + 0.5) / 2 / 4, 1e-12)
    // (1,2) (2,1) (2,2): 2, 3, 3 blocks and 2, 1, 2.
    expect(second).to.be.closeTo((8 / 3 + 5 / 3) / 2 / 4, 1e-12)
    const uneven = layerDepths(stitchPositions(3, 6, { ...WINDOW, twoWay: true }), 3, 6)
    uneven.forEach((depth, layer) => expect(depth).to.be.closeTo((layer + 1) / 3, 1e-12))
  })

  it('each block’s own matrix is the nearest to the layer behind it', () => {
    const every = student(2, 6, [0, 1, 2, 3, 4, 5])
    const depths = layerDepths(stitchPositions(6, 6, WINDOW), 6, 6)
    expect(depths.map((depth) => nearestPosition(every, depth))).to.deep.equal([0, 1, 2, 3, 4])
    expect(nearestPosition(student(2, 6, [1, 3]), 3 / 6)).to.equal(0)
    expect(nearestPosition(student(2, 6, [5]), 0)).to.equal(0)
  })
})
