/** A place to leave the front model and enter the end model: after front block `front`, before end block `end`. */
export interface StitchPosition {
  readonly front: number
  readonly end: number
  /** Which of the pair's shared stitch layers serves this position. */
  readonly layer: number
}

/**
 * Stitch positions of a pair of models of `depth` blocks, in the order in which a window of `kernel` blocks meets them as
 * it slides by `stride`; at the end the window is cut off, not left out. Every window that adds positions has a layer of
 * its own (docs/method.md, section 3): 3L − 2 positions on L − 1 layers for kernel 2 and stride 1.
 */
export const stitchPositions = (depth: number, kernel = 2, stride = 1): readonly StitchPosition[] => {
  const positions: StitchPosition[] = []
  const seen = new Set<number>()
  let layer = 0
  for (let first = 0; first < depth; first += stride) {
    const end = Math.min(first + kernel, depth)
    const before = positions.length
    for (let j = first; j < end; j++) {
      for (let k = first; k < end; k++) {
        if (seen.has(j * depth + k)) continue
        seen.add(j * depth + k)
        positions.push({ front: j, end: k, layer })
      }
    }
    if (positions.length > before) layer++
  }
  return positions
}
