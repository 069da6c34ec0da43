/** Experiments for what reads results: never run, only filled (filled-store.ts). */

/** 9 models from 2 students, timed; its stages are a pipeline's usual ones. */
export const timedPipeline = `// Question: what do nine models cost?
// Time: none.
import { mnist, pipeline, vit } from 'genepool'

export default pipeline('nine', { seed: 3 })
  .data(mnist({ take: 64, takeTest: 50 }))
  .teacher(vit({ embedDim: 24, depth: 3, numHeads: 3, patchSize: 14 }), { epochs: 4 })
  .distill(
    { tiny: { embedDim: 12, depth: 3, numHeads: 3 }, base: { embedDim: 24, depth: 3, numHeads: 3 } },
    { epochs: 3 },
  )
  .pool()
  .stitch({ from: 'tiny', to: 'base' }, { epochs: 2 })
  .latency({ batch: 8 })
  .evaluate()
`

/** Two axes, three seeds: 12 cells of 9 models. */
export const smallSuite = `// Question: which start?
import { mnist, pipeline, suite, vit } from 'genepool'

export default suite(
  'starts',
  { init: ['learned', 'random'], loss: ['soft', 'none'] },
  ({ init, loss, seed }) =>
    pipeline('cell', { seed })
      .data(mnist({ take: 64, takeTest: 50 }))
      .teacher(vit({ embedDim: 24, depth: 3, numHeads: 3, patchSize: 14 }), { epochs: 2 })
      .distill(
        { tiny: { embedDim: 12, depth: 3, numHeads: 3 }, base: { embedDim: 24, depth: 3, numHeads: 3 } },
        { epochs: 2 },
      )
      .pool()
      .stitch({ from: 'tiny', to: 'base', init, loss }, { epochs: 2 })
      .evaluate(),
  { seeds: [1, 2, 3] },
)
`
