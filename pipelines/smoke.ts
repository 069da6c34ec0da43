// Question: does the whole method work, from digits to a table of nine models?
// Time: under a minute on two cores.
// The models learn next to nothing here: 512 digits, one epoch.
import { mnist, pipeline, vit } from 'genepool'

export default pipeline('smoke', { seed: 1 })
  .data(mnist({ take: 512, takeTest: 200 }))
  .teacher(vit({ embedDim: 24, depth: 3, numHeads: 3 }), { epochs: 1 })
  .distill(
    {
      tiny: { embedDim: 12, depth: 3, numHeads: 3 },
      base: { embedDim: 24, depth: 3, numHeads: 3 },
    },
    { epochs: 1 },
  )
  .pool()
  .stitch({ from: 'tiny', to: 'base' }, { epochs: 1 })
  .latency({ batch: 8, rounds: 5 })
  .evaluate()
