import type { OptionReader } from './option-reader.js'

/** A place to leave the front model and enter the end model: after front block `front`, before end block `end`. */
export interface StitchPosition {
  readonly front: number
  readonly end: number
  /** Which of the pair's shared stitch layers serves this position. */
  readonly layer: number
}

/** Window of stages and its step, and whether the grid goes both ways. */
export interface StitchWindow {
  readonly kernel: number
  readonly stride: number
  readonly twoWay: boolean
}

/**
 * Stitch positions of two models of `stages` blocks each, in the order in which a window of `kernel` blocks meets them as
 * it slides by `stride`; at the end the window is cut off, not left out. Every window that adds positions has a layer of
 * its own (docs/method.md, section 3): 3L − 2 positions on L − 1 layers for kernel 2 and stride 1. A grid that goes both
 * ways has only those that neither repeat nor leave out a stage, (i, i + 1): L − 1 of them, with a layer each.
 */
const stagePositions = (stages: number, { kernel, stride, twoWay }: StitchWindow): readonly StitchPosition[] => {
  const positions: StitchPosition[] = []
  const seen = new Set<number>()
  let layer = 0
  for (let first = 0; first < stages; first += stride) {
    const end = Math.min(first + kernel, stages)
    const before = positions.length
    for (let j = first; j < end; j++) {
      for (let k = first; k < end; k++) {
        if (seen.has(j * stages + k) || (twoWay && k !== j + 1)) continue
        seen.add(j * stages + k)
        positions.push({ front: j, end: k, layer })
      }
    }
    if (positions.length > before) layer++
  }
  return positions
}

/**
 * Stitch positions of a front model into an end model (docs/method.md, section 3). The shallower model's blocks are the stages;
 * where the other is r times as deep, r of its blocks are one. A front model is left after the last block of a stage, an
 * end model entered at the first: SN-Netv2's rule for unequal depths (arXiv 2307.00154), by which (i, i + 1) of the window is
 * (i, (i + 1)·r) from shallow to deep and ((i + 1)·r − 1, i + 1) back. With r = 1 a stage is a block.
 */
export const stitchPositions = (
  frontDepth: number,
  endDepth: number,
  window: StitchWindow,
): readonly StitchPosition[] => {
  const stages = Math.min(frontDepth, endDepth)
  const [frontBlocks, endBlocks] = [frontDepth / stages, endDepth / stages]
  return stagePositions(stages, window).map(({ front, end, layer }) => ({
    front: (front + 1) * frontBlocks - 1,
    end: end * endBlocks,
    layer,
  }))
}

/** Refuses a window of one block for a grid that goes both ways: its stitches lead from one block to the next. */
export const checkWindow = (options: OptionReader, { kernel, twoWay }: Omit<StitchWindow, 'stride'>): void => {
  if (twoWay && kernel < 2) {
    options.fail(
      'mismatch',
      'kernel',
      'is 1, a window in which twoWay finds no stitch: write 2 or more, or leave it out',
    )
  }
}
