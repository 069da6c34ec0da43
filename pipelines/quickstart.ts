// Question: how well do 16 models, stitched from two small students, read digits, at what sizes, and how fast?
// Time: a minute or two on two cores.
// Sizes are small on purpose. The students' features are brought to the teacher's, not the other way round as
// published: only so do the distillation's own matrices make good stitches (docs/results.md).
import { mnist, pipeline, vit } from 'genepool'

export default pipeline('quickstart', { seed: 7 })
  .data(mnist({ take: 35_200 }))
  .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3, patchSize: 7 }), { epochs: 2, lr: 4e-3 })
  .distill(
    {
      tiny: { embedDim: 24, depth: 6, numHeads: 3 },
      base: { embedDim: 48, depth: 6, numHeads: 3 },
    },
    { epochs: 1, lr: 8e-3, positions: 'front+end', transforms: 'toTeacher' },
  )
  .pool()
  .stitch({ from: 'tiny', to: 'base', init: 'composed' }, { epochs: 1, batchSize: 64, lr: 2e-3 })
  .latency()
  .evaluate()
