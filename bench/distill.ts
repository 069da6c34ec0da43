/**
 * A whole distillation stage, from the start of its process to its stored artifact, against the plain loop in PyTorch
 * that runs the teacher in every step. One JSON line a figure:
 *   npm run bench:distill -- [--images 12800] [--epochs 4] [--rounds 3] [--torch PYTHON]
 * Teacher d 96, depth 12; student d 48, depth 6; 17 tokens, batch 64, loss 'all' at the position 'end'. Ours includes
 * loading, compiling, the teacher's answers and measuring the student on the test digits; PyTorch's the loop alone.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir, availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { mnist, pipeline, runPipelinePromise, vit, type RunEvent } from 'genepool'
import { median, report, torchContestant } from './turns.js'

const { values: flags } = parseArgs({
  options: {
    images: { type: 'string', default: '12800' },
    epochs: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    torch: { type: 'string' },
  },
})
const [images, epochs, rounds] = [flags.images, flags.epochs, flags.rounds].map(Number) as [number, number, number]
const batch = 64
const steps = Math.floor(images / batch) * epochs

/** Another rate makes another artifact of the same work. */
const definition = (round: number) =>
  pipeline('bench-distill', { seed: 1 })
    .data(mnist({ take: images, takeTest: 1_000 }))
    .teacher(vit({ embedDim: 96, depth: 12, numHeads: 3, patchSize: 7 }), { epochs: 1 })
    .distill(
      { student: { embedDim: 48, depth: 6, numHeads: 3, positions: 'end' } },
      { epochs, batchSize: batch, lr: 1e-3 * (1 + round / 100) },
    )

const store = mkdtempSync(join(tmpdir(), 'bench-distill-'))
const onEvent = (event: RunEvent): void => {
  if (event.type === 'stage-failed') console.error(`${event.stage}: ${event.message}`)
}
const torch =
  flags.torch === undefined
    ? undefined
    : await torchContestant(flags.torch, ['--work', 'distill', '--threads', String(availableParallelism())])
const [ours, theirs]: [number[], number[]] = [[], []]
try {
  for (let round = 0; round < rounds; round++) {
    const { manifests, failed } = await runPipelinePromise(definition(round), { store, onEvent })
    if (failed > 0) process.exit(1)
    ours.push((1_000 * steps) / manifests.get('distill/student')!.made.ms)
    // As many steps as fit into a few seconds: every one costs the same.
    if (torch !== undefined) theirs.push(1_000 / (await torch.time(Math.min(steps, 100))))
  }
} finally {
  rmSync(store, { recursive: true, force: true })
  torch?.stop()
}
const about = { bench: 'distill', images, epochs, batch, steps, rounds }
report({ ...about, runtime: 'genepool', stepsPerSecond: median(ours) })
if (torch !== undefined) {
  report({ ...about, runtime: torch.name, stepsPerSecond: median(theirs) })
  report({ ...about, figure: 'our steps/s / torch steps/s', ratio: median(ours) / median(theirs) })
}
process.exit(0)
