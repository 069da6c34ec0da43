// Question: how should stitches start? The published start against random, least squares and composed ones, before and
// after tuning.
// Time: about an hour on two cores for 96 cells, on all of MNIST with three seeds.
// `transforms` is the direction of the distillation's matrices; docs/results.md says what came out, and why.
import { mnist, pipeline, suite, vit } from 'genepool'

export default suite(
  'starts',
  {
    transforms: ['toStudent', 'toTeacher'],
    positions: ['end', 'front+end'],
    init: ['random', 'learned', 'composed', 'leastSquares'],
    tuning: [0, 1],
  },
  ({ transforms, positions, init, tuning, seed }) =>
    pipeline('starts', { seed })
      .data(mnist())
      .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3, patchSize: 7 }), { epochs: 2, lr: 4e-3 })
      .distill(
        {
          tiny: { embedDim: 24, depth: 6, numHeads: 3, positions },
          base: { embedDim: 48, depth: 6, numHeads: 3, positions },
        },
        // Beside published matrices those of the other direction, which the composed start reads, change nothing.
        { epochs: 1, lr: 8e-3, transforms, reverseTransforms: transforms === 'toStudent' },
      )
      .pool()
      .stitch({ from: 'tiny', to: 'base', init }, { epochs: tuning, batchSize: 64, lr: 2e-3 })
      .evaluate(),
  { seeds: [1, 2, 3] },
)
