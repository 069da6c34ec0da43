// Question: Learngene Pool or SN-Net? At equal training steps: storage, smallest model, accuracy of every model.
// Time: an hour on two cores by estimate (83 minutes beside other work), for 12 cells on all of MNIST, three seeds.
// Every method trains for seven epochs in all, of which two tune the stitched models; every batch has 64 images. Only
// the distilled pools have a teacher, which helps to tune too; the scratch pool and SN-Net learn from the labels alone.
import { mnist, pipeline, suite, vit, type PipelineNode } from 'genepool'

const lr = 2e-3
const tuning = { epochs: 2, batchSize: 64, lr }
const narrow = { embedDim: 24, numHeads: 3 }
const middle = { embedDim: 36, numHeads: 3 }
const wide = { embedDim: 48, numHeads: 3 }
const patchSize = 7

/** 3 epochs for the teacher of 12 blocks, 1 for each of two students of 6, 2 of tuning. */
const learngenePool = (seed: number, transforms: 'toStudent' | 'toTeacher'): PipelineNode =>
  pipeline('learngene-pool', { seed })
    .data(mnist())
    .teacher(vit({ ...wide, depth: 12, patchSize }), { epochs: 3, lr })
    .distill(
      {
        tiny: { ...narrow, depth: 6, positions: 'front+end' },
        base: { ...wide, depth: 6, positions: transforms === 'toTeacher' ? 'front+end' : 'end' },
      },
      { epochs: 1, lr: 4e-3, transforms },
    )
    .pool()
    .stitch({ from: 'tiny', to: 'base', init: transforms === 'toTeacher' ? 'composed' : 'learned' }, tuning)
    .evaluate()

/** 2 + 3 epochs for students of 6 blocks that learn from the labels, 2 of tuning. */
const scratchPool = (seed: number): PipelineNode =>
  pipeline('scratch-pool', { seed })
    .data(mnist())
    .anchors(
      { tiny: { ...narrow, depth: 6, patchSize, epochs: 2 }, base: { ...wide, depth: 6, patchSize, epochs: 3 } },
      { epochs: 2, lr },
    )
    .pool()
    .stitch({ from: 'tiny', to: 'base' }, tuning)
    .evaluate()

/** 1 + 2 + 2 epochs for three anchors of 12 blocks, 2 of tuning. */
const snNet = (seed: number): PipelineNode =>
  pipeline('snnet', { seed })
    .data(mnist())
    .anchors(
      {
        tiny: { ...narrow, depth: 12, patchSize, epochs: 1 },
        small: { ...middle, depth: 12, patchSize },
        base: { ...wide, depth: 12, patchSize },
      },
      { epochs: 2, lr },
    )
    .pool()
    .stitch({ pairs: 'nearest', finalNorm: 'anchorsOnly' }, tuning)
    .evaluate()

const methods = {
  published: (seed: number) => learngenePool(seed, 'toStudent'),
  toTeacher: (seed: number) => learngenePool(seed, 'toTeacher'),
  scratch: scratchPool,
  snnet: snNet,
}

export default suite('comparison', { method: methods }, ({ method, seed }) => method(seed), { seeds: [1, 2, 3] })
