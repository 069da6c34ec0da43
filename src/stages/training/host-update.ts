/**
 * The update of a step whose parameters the host keeps: the gradients of an update's batches are summed, clipped and
 * applied, in place, by as many threads as the engine has.
 */
import type { HostCall, Lanes } from '../../engine/engine.js'
import { adamwScalars, type UpdateParams } from './optimiser.js'
import {
  adamwInPlace,
  type AdamwStretch,
  gatherInPlace,
  type GradientStretch,
  squareSums,
  type TensorGradient,
} from './host-kernels.js'
import type { MicroBatch } from './train-step.js'
import { type Component, parametersOf } from './component.js'

/** Fewer parameters than this are updated faster than a thread is woken. */
const WORTH_A_THREAD = 20_000

/** A stretch of a component's flat vectors with its gradient: the mean of those of one or two parts of a batch. */
export interface GradientPiece {
  readonly component: Component
  readonly offset: number
  readonly size: number
  readonly gradients: readonly Float32Array[]
}

/** Work on every piece that `of` threads share. `name` is what `run` is called in host-kernels.ts. */
interface Job<Args extends readonly unknown[]> {
  readonly name: string
  readonly run: (...args: Args) => void
  readonly args: (share: number, of: number) => Args
}

const KERNELS = new URL('./host-kernels.js', import.meta.url).href

/** Where share number `share` of so many values begins and ends. */
const borders = (size: number, share: number, of: number) => ({
  from: Math.floor((size * share) / of),
  to: Math.floor((size * (share + 1)) / of),
})

const viewOf = (flat: Float32Array, { offset, size }: Pick<GradientPiece, 'offset' | 'size'>): Float32Array =>
  flat.subarray(offset, offset + size)

const adamwJob = (
  optimiser: UpdateParams,
  lr: number,
  pieces: readonly GradientPiece[],
  scale: number,
): Job<Parameters<typeof adamwInPlace>> => ({
  name: 'adamwInPlace',
  run: adamwInPlace,
  args: (share, of) => {
    const stretches = pieces.map((piece): AdamwStretch => {
      const { theta, m, v, mean, layout, updates } = piece.component
      return {
        theta: viewOf(theta, piece),
        m: viewOf(m, piece),
        v: viewOf(v, piece),
        mean: mean === undefined ? undefined : viewOf(mean, piece),
        gradients: piece.gradients,
        decayed: layout.decayed - piece.offset,
        scalars: adamwScalars(optimiser, lr, updates + 1),
        ...borders(piece.size, share, of),
      }
    })
    return [optimiser, stretches, scale]
  },
})

const gatherJob = (
  pieces: readonly GradientPiece[],
  sumOf: (piece: GradientPiece) => Float32Array,
  begins: boolean,
): Job<Parameters<typeof gatherInPlace>> => ({
  name: 'gatherInPlace',
  run: gatherInPlace,
  args: (share, of) => {
    const stretches = pieces.map((piece): GradientStretch => {
      const { gradients, size } = piece
      return { gradients, sum: sumOf(piece), ...borders(size, share, of) }
    })
    return [stretches, begins]
  },
})

/** Every tensor of the pieces, in their order. */
const tensorsOf = (pieces: readonly GradientPiece[]): readonly TensorGradient[] =>
  pieces
    .flatMap(({ component, offset, size, gradients }) =>
      component.layout.slots
        .filter((slot) => slot.offset >= offset && slot.offset < offset + size)
        .map((slot) => ({ gradients, offset: slot.offset - offset, size: slot.size })),
    )
    .map((tensor, place) => ({ ...tensor, place }))

/** Each tensor is summed by one thread, so that the sums are rounded the same way however many threads there are. */
const squaresJob = (tensors: readonly TensorGradient[], into: Float64Array): Job<Parameters<typeof squareSums>> => {
  const total = tensors.reduce((sum, { size }) => sum + size, 0)
  return {
    name: 'squareSums',
    run: squareSums,
    args: (share, of) => {
      let before = 0
      const own = tensors.filter(({ size }) => {
        const lane = Math.floor((before * of) / total)
        before += size
        return lane === share
      })
      return [own, into]
    },
  }
}

/** Takes the gradients of each batch of an update; the last of them updates the components. */
export type HostUpdate = (
  lr: number,
  trained: readonly Component[],
  pieces: readonly GradientPiece[],
  microBatch: MicroBatch,
) => Promise<void>

/** The update of one training's components. */
export const openHostUpdate = (lanes: Lanes, optimiser: UpdateParams): HostUpdate => {
  const { clipNorm } = optimiser
  const sums = new Map<Component, Float32Array>()
  const sumOf = (piece: GradientPiece): Float32Array => {
    const { component } = piece
    const sum = sums.get(component) ?? lanes.allocate(component.layout.size)
    sums.set(component, sum)
    return viewOf(sum, piece)
  }

  return async (lr, trained, pieces, { index, size }) => {
    const alone = lanes.count === 1 || parametersOf(trained) < WORTH_A_THREAD
    const work = async <Args extends readonly unknown[]>({ name, run, args }: Job<Args>): Promise<void> => {
      if (alone) return run(...args(0, 1))
      const call = (_: unknown, lane: number): HostCall => ({
        module: KERNELS,
        name,
        args: args(lane, lanes.count),
      })
      await lanes.call(Array.from({ length: lanes.count }, call))
    }
    /** By what torch's `clip_grad_norm_` multiplies gradients that are `scale` times these. */
    const clipping = async (given: readonly GradientPiece[], scale: number): Promise<number> => {
      if (typeof clipNorm !== 'number') return 1
      const tensors = tensorsOf(given)
      const squares = new Float64Array(lanes.allocate(2 * tensors.length).buffer)
      await work(squaresJob(tensors, squares))
      const norm = scale * Math.sqrt(squares.reduce((sum, square) => sum + square, 0))
      return Math.min(1, clipNorm / (norm + 1e-6))
    }

    let gathered = pieces
    if (size > 1) {
      await work(gatherJob(pieces, sumOf, index === 0))
      if (index < size - 1) return
      gathered = pieces.map((piece) => ({ ...piece, gradients: [sumOf(piece)] }))
    }
    const scale = 1 / size
    await work(adamwJob(optimiser, lr, gathered, scale * (await clipping(gathered, scale))))
    for (const component of trained) component.updates++
  }
}
