// Question: how well do 16 models stitched from the blocks of two small students read digits, and at what sizes?
// Time: about two minutes on two cores.
// Sizes are small on purpose; the stitches start from least squares, because at this scale the published start is no
// better than a random one (README.md, "How the stitches start").
import { mnist, pipeline, vit } from 'genepool'

export default pipeline('quickstart', { seed: 7 })
  .data(mnist({ take: 35_200 }))
  .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3, patchSize: 7 }), { epochs: 2, lr: 4e-3 })
  .distill(
    {
      tiny: { embedDim: 24, depth: 6, numHeads: 3, positions: 'front+end' },
      base: { embedDim: 48, depth: 6, numHeads: 3, positions: 'end' },
    },
    { epochs: 1, lr: 8e-3 },
  )
  .pool()
  .stitch({ from: 'tiny', to: 'base', init: 'leastSquares' }, { epochs: 1, batchSize: 64, lr: 4e-3 })
  .evaluate()
