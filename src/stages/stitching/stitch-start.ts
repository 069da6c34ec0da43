/** How stitch layers start (docs/method.md, section 4). Every start gives `stitch.<i>.weight` `[d_end, d_front]` and its bias. */
import * as Effect from 'effect/Effect'
import type { StitchPosition } from '../../dsl/stitch-window.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import type { StageError } from '../../runtime/errors.js'
import type { Progress } from '../../runtime/stage-contract.js'
import { attempt } from '../attempt.js'
import { leastSquares } from './least-squares.js'
import type { Values } from '../model/vit-params.js'

/** A student's learned matrices: `map.<p>.weight` `[d, D]` for `count` loss positions p. */
export interface LearnedMaps {
  readonly values: Values
  readonly count: number
  /** d */
  readonly width: number
}

/** Mean over the loss positions of a student's map matrices, `[d, D]`. */
const meanMap = ({ values, count, width }: LearnedMaps, teacherWidth: number): Float64Array => {
  const mean = new Float64Array(width * teacherWidth)
  for (let p = 0; p < count; p++) values[`map.${p}.weight`].forEach((value, index) => (mean[index] += value / count))
  return mean
}

/**
 * The paper's start: the front's mean map matrix, transposed, where the end is as wide as the teacher; for a narrower end
 * the end's mean map matrix times that. Biases start at zero.
 */
export const learnedStart = (front: LearnedMaps, end: LearnedMaps, teacherWidth: number, layers: number): Values => {
  const frontMap = meanMap(front, teacherWidth)
  const weight = new Float32Array(end.width * front.width)
  const endMap = end.width === teacherWidth ? undefined : meanMap(end, teacherWidth)
  for (let e = 0; e < end.width; e++) {
    for (let f = 0; f < front.width; f++) {
      let value = 0
      if (endMap === undefined) value = frontMap[f * teacherWidth + e]
      else {
        for (let t = 0; t < teacherWidth; t++) value += endMap[e * teacherWidth + t] * frontMap[f * teacherWidth + t]
      }
      weight[e * front.width + f] = value
    }
  }
  return Object.fromEntries(
    Array.from({ length: layers }, (_, layer) => [
      [`stitch.${layer}.weight`, weight.slice()],
      [`stitch.${layer}.bias`, new Float32Array(end.width)],
    ]).flat(),
  ) as Values
}

/** Tokens of the samples, `[rows, width]`, by block: what comes out of the front's blocks and into the end's. */
export interface StitchFeatures {
  readonly rows: number
  readonly frontOutputs: readonly Float32Array[]
  readonly endInputs: readonly Float32Array[]
}

/** SN-Net's start: least squares from front's output to end's input, averaged over the positions that share a layer. */
export const leastSquaresStart = Effect.fnUntraced(function* (
  { rows, frontOutputs, endInputs }: StitchFeatures,
  positions: readonly StitchPosition[],
  front: VitConfig,
  end: VitConfig,
  progress: (progress: Progress) => void,
): Effect.fn.Return<Values, StageError> {
  const sharing = new Map<number, number>()
  for (const { layer } of positions) sharing.set(layer, (sharing.get(layer) ?? 0) + 1)
  const sums: Record<string, Float64Array> = {}
  const add = (name: string, values: Float32Array, share: number) => {
    sums[name] ??= new Float64Array(values.length)
    values.forEach((value, index) => (sums[name][index] += value / share))
  }
  for (const [index, { front: j, end: k, layer }] of positions.entries()) {
    const solution = yield* attempt(() =>
      leastSquares(frontOutputs[j], rows, front.embedDim, endInputs[k], end.embedDim),
    )
    const share = sharing.get(layer) ?? 1
    add(`stitch.${layer}.weight`, solution.weight, share)
    add(`stitch.${layer}.bias`, solution.bias, share)
    progress({ phase: 'least squares', step: index + 1, steps: positions.length })
    yield* Effect.yieldNow
  }
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, Float32Array.from(sum)]))
})
