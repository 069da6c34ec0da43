// Question: how good are the 71 models of a Stitchable Neural Network (arXiv 2302.06586), the method that the pool is
// compared with?
// Time: six minutes on two cores by estimate.
// Three anchors learn from labels one by one; neighbours in width are stitched from least squares and tuned together.
import { mnist, pipeline } from 'genepool'

export default pipeline('snnet', { seed: 7 })
  .data(mnist({ take: 35_200 }))
  .anchors(
    {
      tiny: { embedDim: 24, depth: 12, numHeads: 3, patchSize: 7 },
      small: { embedDim: 36, depth: 12, numHeads: 3, patchSize: 7 },
      base: { embedDim: 48, depth: 12, numHeads: 3, patchSize: 7 },
    },
    { epochs: 2, lr: 2e-3 },
  )
  .pool()
  .stitch({ pairs: 'nearest', finalNorm: 'anchorsOnly' }, { epochs: 1, batchSize: 64, lr: 2e-3 })
  .evaluate()
