// Question: what does distillation add? The quickstart's students learn from the labels alone, and are still stitched.
// Time: two minutes on two cores by estimate; teacher and data are the quickstart's and computed once for both.
// The teacher still helps to tune the stitched models, as it does in the quickstart; stitches start from least squares,
// for want of matrices.
import { mnist, pipeline, vit } from 'genepool'

export default pipeline('scratch-pool', { seed: 7 })
  .data(mnist({ take: 35_200 }))
  .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3, patchSize: 7 }), { epochs: 2, lr: 4e-3 })
  .anchors(
    {
      tiny: { embedDim: 24, depth: 6, numHeads: 3, patchSize: 7 },
      base: { embedDim: 48, depth: 6, numHeads: 3, patchSize: 7 },
    },
    { epochs: 1, lr: 4e-3 },
  )
  .pool()
  .stitch({ from: 'tiny', to: 'base' }, { epochs: 1, batchSize: 64, lr: 2e-3 })
  .evaluate()
