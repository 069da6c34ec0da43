// Question: what do the start of the stitches, the compared blocks and the distillation's loss each contribute?
// Time: twelve minutes on two cores, for 78 cells: 26 choices, three seeds each, on a sixth of MNIST.
// Cells share what they can: 78 of them ask for 546 stages, of which 223 are distinct and run once.
import { mnist, pipeline, suite, vit } from 'genepool'

export default suite(
  'ablation',
  {
    init: ['learned', 'composed', 'leastSquares', 'random'],
    positions: ['end', 'mid+end', 'front+end'],
    loss: ['all', 'logits+rep', 'logits'],
  },
  ({ init, positions, loss, seed }) =>
    pipeline('ablation', { seed })
      .data(mnist({ take: 9_600, takeTest: 2_000 }))
      .teacher(vit({ embedDim: 32, depth: 6, numHeads: 2, patchSize: 7 }), { epochs: 4, lr: 4e-3 })
      .distill(
        {
          tiny: { embedDim: 16, depth: 6, numHeads: 2 },
          base: { embedDim: 32, depth: 6, numHeads: 2 },
        },
        { epochs: 2, lr: 8e-3, positions, loss, reverseTransforms: loss !== 'logits' },
      )
      .pool()
      .stitch({ from: 'tiny', to: 'base', init }, { epochs: 2, batchSize: 64, lr: 2e-3 })
      .evaluate(),
  {
    seeds: [1, 2, 3],
    // A loss on logits compares no blocks: there are no matrices to start from, and positions make no difference.
    exclude: ({ init, positions, loss }) =>
      loss === 'logits' && (init === 'learned' || init === 'composed' || positions !== 'end'),
  },
)
