// Question: how good are the models of the paper's own method, with pools of 12 and of 18 instances (students of 6 and
// 9 blocks)?
// Time: six minutes on two cores by estimate, for 18 and 27 models of handwritten digits.
// Losses, positions, grid and start are as published, sizes and epochs are not; starts.ts and ablation.ts ask what
// would be better.
import { mnist, pipeline, suite, vit } from 'genepool'

export default suite('learngene-pool', { blocks: [6, 9] }, ({ blocks, seed }) =>
  pipeline('learngene-pool', { seed })
    .data(mnist({ take: 35_200 }))
    .teacher(vit({ embedDim: 48, depth: 12, numHeads: 3, patchSize: 7 }), { epochs: 2, lr: 2e-3 })
    .distill(
      {
        tiny: { embedDim: 24, depth: blocks, numHeads: 3, positions: 'front+end' },
        base: { embedDim: 48, depth: blocks, numHeads: 3, positions: 'end' },
      },
      { epochs: 1, lr: 8e-3 },
    )
    .pool()
    .stitch({ from: 'tiny', to: 'base', init: 'learned' }, { epochs: 1, batchSize: 64, lr: 2e-3 })
    .evaluate(),
)
