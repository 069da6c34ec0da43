/** SN-Net's start of stitch layers: least squares between the features of two students (docs/method.md, section 4). */
import * as Effect from 'effect/Effect'
import type { StitchPosition } from '../../dsl/stitch-window.js'
import type { StageError } from '../../runtime/errors.js'
import { attempt } from '../attempt.js'
import type { Affine } from './affine.js'
import { leastSquares } from './least-squares.js'

/** A student's tokens on the samples as `stitchFeatures` gives them: entry k goes into block k, entry j + 1 comes out of j. */
export interface FeaturesOf {
  /** d */
  readonly width: number
  /** `[rows, d]` each. */
  readonly tokens: readonly Float32Array[]
}

/**
 * From front's output to end's input, averaged over the positions that share a layer; `solved` is called after each. The
 * same in either direction, from narrow to wide and back.
 */
export const leastSquaresMaps = Effect.fnUntraced(function* (
  front: FeaturesOf,
  end: FeaturesOf,
  positions: readonly StitchPosition[],
  solved: () => void,
): Effect.fn.Return<readonly Affine[], StageError> {
  const sharing = new Map<number, number>()
  for (const { layer } of positions) sharing.set(layer, (sharing.get(layer) ?? 0) + 1)
  const maps = Array.from(sharing, (): Affine => ({
    out: end.width,
    inner: front.width,
    weight: new Float64Array(end.width * front.width),
    bias: new Float64Array(end.width),
  }))
  const rows = front.tokens[0].length / front.width
  for (const { front: j, end: k, layer } of positions) {
    const solution = yield* attempt(() =>
      leastSquares(front.tokens[j + 1], rows, front.width, end.tokens[k], end.width),
    )
    const share = sharing.get(layer)!
    for (const part of ['weight', 'bias'] as const) {
      solution[part].forEach((value, index) => (maps[layer][part][index] += value / share))
    }
    solved()
    yield* Effect.yieldNow
  }
  return maps
})
