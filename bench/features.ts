/**
 * What distillation does to features: for every distilled student of a pipeline or suite that has run, one JSON line
 *   npm run bench:features -- pipelines/starts.ts [--store DIR] [--samples 200]
 * with, block by block, the variance of its outputs (mean over channels, over all tokens of the sampled training
 * images) and of its teacher's; at each compared block the root mean square singular value of the matrix there, and the
 * share of the teacher's variance that the best linear map of the student's features explains (least squares on the
 * same images).
 */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as Effect from 'effect/Effect'
import type { DistillParams } from '../src/dsl/nodes.js'
import { lossPositions } from '../src/dsl/loss-positions.js'
import { openEngine } from '../src/engine/choice/open.js'
import type { InputArtifact } from '../src/runtime/stage-contract.js'
import type { PlannedStage } from '../src/runtime/events.js'
import type { Manifest } from '../src/runtime/store/store.js'
import { Generator } from '../src/stages/data/random.js'
import { openDataset } from '../src/stages/data/dataset.js'
import { openModel } from '../src/stages/model/model-files.js'
import { readSafetensors } from '../src/stages/tensors/safetensors.js'
import { leastSquares } from '../src/stages/stitching/least-squares.js'
import { stitchFeatures } from '../src/stages/stitching/stitch-start.js'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { store: { type: 'string', default: '.genepool' }, samples: { type: 'string', default: '200' } },
})
const [pipeline = 'pipelines/starts.ts'] = positionals
/** The command line answers: what it runs is what the store's fingerprints name. */
const genepool = (command: string, ...more: readonly string[]): readonly unknown[] =>
  execFileSync(process.execPath, ['dist/cli/bin.js', command, pipeline, ...more, '--store', flags.store, '--json'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)

type Shown = Manifest & { readonly folder: string }
const planned = genepool('plan') as readonly PlannedStage[]
const made = planned
  .filter(({ kind, status }) => status === 'cached' && ['data', 'teacher', 'distill'].includes(kind))
  .map(({ stage }) => genepool('show', stage)[0] as Shown)
const byContent = new Map(made.map((manifest) => [manifest.content, manifest]))
const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 2 })

const artifact = ({ folder, summary }: Shown): InputArtifact => ({
  files: Object.fromEntries(readdirSync(folder).map((name) => [name, join(folder, name)])),
  summary,
})
/** Mean over the channels of `[rows, width]` of each one's variance. */
const variance = (values: Float32Array, width: number): number => {
  const rows = values.length / width
  let sum = 0
  for (let channel = 0; channel < width; channel++) {
    let [total, squares] = [0, 0]
    for (let at = channel; at < values.length; at += width) {
      total += values[at]
      squares += values[at] ** 2
    }
    sum += squares / rows - (total / rows) ** 2
  }
  return sum / width
}
const rounded = (values: readonly number[]): readonly number[] => values.map((value) => Number(value.toPrecision(4)))

for (const manifest of made) {
  const { kind, params, inputs } = manifest.identity
  if (kind !== 'distill') continue
  const { positions, transforms, model, seed } = params as DistillParams
  const [data, teacher] = ['data', 'teacher'].map((input) => byContent.get(inputs[input])!)
  const split = openDataset(artifact(data)).split('train')
  const indices = Generator.from(seed, 'samples').sample(split.count, Number(flags.samples))
  const taught = openModel(artifact(teacher), 'teacher')
  const [own, theirs] = await Promise.all(
    [openModel(artifact(manifest), 'student'), taught].map((one) =>
      Effect.runPromise(stitchFeatures(engine, one, split, indices)),
    ),
  )
  const width = taught.config.embedDim
  const matrix = transforms === 'toTeacher' ? 'reverse' : 'map'
  const { tensors } = readSafetensors(artifact(manifest).files['transforms.safetensors'])
  const blocks = lossPositions(positions, model.depth)
  const taughtBlocks = lossPositions(positions, taught.config.depth, model.depth)
  const explained = blocks.map((block, p) => {
    const target = theirs[taughtBlocks[p] + 1]
    const { residual } = leastSquares(own[block + 1], target.length / width, model.embedDim, target, width)
    return 1 - residual / variance(target, width)
  })
  const singular = blocks.map((_, p) => {
    const values = tensors.get(`${matrix}.${p}.weight`)!.data as Float32Array
    const squares = values.reduce((sum, value) => sum + value ** 2, 0)
    return Math.sqrt(squares / Math.min(model.embedDim, width))
  })
  const line = {
    bench: 'features',
    student: manifest.stage,
    seed,
    width: model.embedDim,
    transforms,
    positions,
    blocks,
    variance: rounded(own.map((values) => variance(values, model.embedDim))),
    teacherVariance: rounded(theirs.map((values) => variance(values, width))),
    singularRms: rounded(singular),
    explained: rounded(explained),
  }
  console.log(JSON.stringify(line))
}
await engine.release()
