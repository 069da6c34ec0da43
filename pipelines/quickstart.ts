// Question: how well do 16 models stitched from the blocks of two small students read digits, and at what sizes?
// Time: three minutes on two cores.
// Sizes are the smallest that reach 95 % (teacher) and 85 % (every descendant); the stitches start from least squares.
import { mnist, pipeline, vit } from 'genepool'

export default pipeline('quickstart', { seed: 7 })
  .data(mnist({ take: 19_200 }))
  .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3, patchSize: 7 }), { epochs: 5 })
  .distill(
    {
      tiny: { embedDim: 24, depth: 6, numHeads: 3, positions: 'front+end' },
      base: { embedDim: 48, depth: 6, numHeads: 3 },
    },
    { epochs: 4 },
  )
  .pool()
  .stitch({ from: 'tiny', to: 'base', init: 'leastSquares' }, { epochs: 4, batchSize: 64 })
  .evaluate()
