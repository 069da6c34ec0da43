/**
 * Forward passes of vision transformers, logits only, one JSON line a figure:
 *   npm run bench:infer -- [--model all|d64-L6,…] [--engine onnxruntime] [--device cpu] [--threads 2] [--rounds 7]
 *                          [--torch PYTHON]
 * A turn is as many batches as a training step's turn, several under way at a time where the engine has lanes.
 */
import { parseArgs } from 'node:util'
import { openEngine } from '../src/engine/choice/open.js'
import { engineOptions, enterWorkerEnvironment, requestOf } from './engine-setup.js'
import { compileForward } from '../src/stages/model/forward.js'
import { layoutOf, pack, slices } from '../src/stages/tensors/named-tensors.js'
import { vitLogits, vitTensors } from '../src/stages/model/vit.js'
import { startVit } from '../src/stages/model/weight-start.js'
import { modelsNamed, type BenchModel } from './models.js'
import { report, takeTurns, torchContestant, type Contestant } from './turns.js'

enterWorkerEnvironment()
const { values: flags } = parseArgs({
  options: {
    ...engineOptions,
    rounds: { type: 'string', default: '7' },
  },
})
const threads = Number(flags.threads)
const engine = await openEngine(requestOf(flags))

const oursOf = async ({ config, batch }: BenchModel): Promise<Contestant> => {
  const layout = layoutOf(vitTensors(config))
  const theta = pack(layout, startVit(config, { type: 'xavierUniform', gain: 1 }, 1, 'bench'))
  const forward = await compileForward(engine, {
    label: 'infer',
    config,
    batch,
    fixed: { theta },
    fn: (pixels, fixed) => ({ logits: vitLogits(slices(layout, fixed['theta']), config, pixels) }),
  })
  const image = config.imageSize ** 2 * config.channels
  const images = new Uint8Array(batch * image).map((_, index) => index % 256)
  const indices = Int32Array.from({ length: batch }, (_, index) => index)
  const gather = (places: ArrayLike<number>, pixels: Float32Array): void => {
    for (let row = 0; row < places.length; row++) {
      for (let at = 0; at < image; at++) pixels[row * image + at] = images[places[row] * image + at] / 255
    }
  }
  const split = { count: batch, images, labels: new Int32Array(batch), gather }
  const time = async (steps: number): Promise<number> => {
    const start = performance.now()
    let next = 0
    const one = async (slot: number): Promise<void> => {
      while (next++ < steps) await forward.run(slot, split, indices)
    }
    await Promise.all(Array.from({ length: forward.slots }, (_, slot) => one(slot)))
    return (performance.now() - start) / steps
  }
  return { name: flags.engine, time, stop: () => {} }
}

for (const model of modelsNamed(flags.model)) {
  const contestants = [await oursOf(model)]
  if (flags.torch !== undefined) {
    const work = ['--work', 'infer', '--model', model.name, '--threads', String(threads)]
    contestants.push(await torchContestant(flags.torch, work))
  }
  const timings = await takeTurns(contestants, Number(flags.rounds), 4 * model.steps)
  const about = { bench: 'infer', model: model.name, batch: model.batch, device: flags.device, threads }
  for (const { name, ...ms } of timings) {
    report({ ...about, runtime: name, ...ms, imagesPerSecond: (1_000 * model.batch) / ms.ms })
  }
  const [ours, torch] = timings
  if (torch !== undefined) report({ ...about, figure: 'torch ms / our ms', ratio: torch.ms / ours.ms })
  for (const { stop } of contestants) stop()
}
process.exit(0)
