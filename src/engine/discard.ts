/** Frees the memory of arrays at once that nothing will read any more. */
import type { HostArray } from './engine.js'

/**
 * The arrays' memory is gone afterwards, also from under other views of it. A collector learns of memory outside its heap
 * too slowly for what a training step leaves: gradients as large as the model, at every step.
 */
export const discard = (arrays: Iterable<HostArray>): void => {
  const buffers = new Set<ArrayBuffer>()
  for (const { buffer } of arrays) if (buffer instanceof ArrayBuffer) buffers.add(buffer)
  // What is transferred to nobody is freed.
  structuredClone(null, { transfer: [...buffers] })
}
