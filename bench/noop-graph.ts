/** The graph of `bench:noop`: layers of cheap stages, each of which reads ten of the layer before. */

const fanIn = 10
const widest = 100

export interface GraphStage {
  readonly index: number
  /** Indices of the stages that it reads; all below its own. */
  readonly reads: readonly number[]
}

export const graphOf = (stages: number): readonly GraphStage[] => {
  const width = Math.max(1, Math.min(widest, Math.floor(stages / 2)))
  const wanted = Math.min(fanIn, width)
  // Coprime to the width where that is no multiple of seven: ten different ones.
  const reads = (index: number): readonly number[] => {
    const layer = Math.floor(index / width)
    if (layer === 0) return []
    return Array.from({ length: wanted }, (_, at) => (layer - 1) * width + ((index + 7 * at) % width))
  }
  return Array.from({ length: stages }, (_, index) => ({ index, reads: reads(index) }))
}
