// Question: how good would single descendants be if each were trained alone, from random weights, for as long as the
// whole pool is tuned?
// Time: two minutes on two cores by estimate, for five of the quickstart's eighteen models.
// Teacher and data are the quickstart's and computed once for both.
import { mnist, pipeline, vit } from 'genepool'

export default pipeline('singles', { seed: 7 })
  .data(mnist({ take: 35_200 }))
  .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3, patchSize: 7 }), { epochs: 2, lr: 4e-3 })
  .singles(
    {
      tiny: { embedDim: 24, depth: 6, numHeads: 3, patchSize: 7 },
      base: { embedDim: 48, depth: 6, numHeads: 3, patchSize: 7 },
    },
    { descendants: [0, 1, 5, 9, 15], epochs: 1, batchSize: 64, lr: 4e-3 },
  )
