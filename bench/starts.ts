/**
 * How the stitch layers start: the quickstart's models, with the pool stitched but not tuned, and tuned. One JSON line a
 * cell with the mean top-1 of the stitched models:
 *   npm run bench:starts -- [--seeds 1,2,3] [--store DIR]
 * Cells share the teacher and the students, so a seed costs one training of each.
 */
import { parseArgs } from 'node:util'
import { mnist, pipeline, runPipelinePromise, vit, type RunEvent, type StitchStart } from 'genepool'

const { values: flags } = parseArgs({
  options: { seeds: { type: 'string', default: '1,2,3' }, store: { type: 'string', default: '.genepool' } },
})

const starts: readonly StitchStart[] = ['learned', 'leastSquares', 'random']

const cell = (seed: number, init: StitchStart, epochs: number) =>
  pipeline(`starts-${seed}-${init}-${epochs}`, { seed })
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
    .stitch({ from: 'tiny', to: 'base', init }, { epochs, batchSize: 64, lr: 4e-3 })
    .evaluate()

const onEvent = (event: RunEvent): void => {
  if (event.type === 'stage-failed') console.error(`${event.stage}: ${event.message}`)
}

for (const seed of flags.seeds.split(',').map(Number)) {
  for (const epochs of [0, 1]) {
    for (const init of starts) {
      const { manifests, failed } = await runPipelinePromise(cell(seed, init, epochs), { store: flags.store, onEvent })
      if (failed > 0) process.exit(1)
      const { stitchedMeanTop1, worstTop1 } = manifests.get('evaluate')!.summary
      console.log(JSON.stringify({ bench: 'starts', seed, init, tuneEpochs: epochs, stitchedMeanTop1, worstTop1 }))
    }
  }
}
