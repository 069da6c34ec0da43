/**
 * Pictures, one JSON line a figure:
 *   npm run bench:pictures -- --folder PHOTOS [--rounds 5] [--batches 4] [--torch PYTHON]
 * Images a second that two threads make of JPEGs of 500 × 400 with the published augmentation, which are drawn from
 * the folder's pictures; with `--torch` (timm, torchvision and Pillow) in turn with a DataLoader of two workers, and
 * before that each picture's evaluation crop against timm's own, in levels of 255.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { evaluationCrop } from '../src/stages/data/evaluation-crop.js'
import { type Decoder, decodePicture } from '../src/stages/data/picture.js'
import { PictureThreads } from '../src/stages/data/picture-threads.js'
import { contestant, report, takeTurns, torchContestant } from './turns.js'

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    batches: { type: 'string', default: '4' },
    torch: { type: 'string' },
  },
})
if (flags.folder === undefined) throw new Error('write --folder PHOTOS: a folder of photographs')
const folder = flags.folder
const names = readdirSync(folder).sort()
const rules = {
  imageSize: 224,
  crop: 0.875,
  interpolation: 'bicubic',
  orientation: 'ignored',
  transparency: 'dropped',
} as const
const size = 224 * 224 * 3
const script = 'pictures-torch.py'
const work = mkdtempSync(join(tmpdir(), 'genepool-bench-'))

if (flags.torch !== undefined) {
  const out = join(work, 'crops')
  const path = fileURLToPath(new URL(`../../bench/${script}`, import.meta.url))
  execFileSync(flags.torch, [path, '--work', 'crops', out, ...names.map((name) => join(folder, name))])
  const theirs = readFileSync(out)
  const cropOf = evaluationCrop(rules)
  for (const [index, name] of names.entries()) {
    const bytes = readFileSync(join(folder, name))
    const picture = await decodePicture(sharp as unknown as Decoder, bytes, rules)
    const differences = cropOf(picture).map((value, at) => Math.abs(value - theirs[index * size + at]))
    const most = differences.reduce((a, b) => Math.max(a, b), 0)
    const mean = differences.reduce((a, b) => a + b, 0) / size
    report({ bench: 'pictures', picture: name, width: picture.width, height: picture.height, most, mean })
  }
}

const files: string[] = []
for (const [index, name] of names.entries()) {
  const file = join(work, `${index}.jpg`)
  await sharp(join(folder, name))
    .resize(500, 400, { fit: 'cover' })
    .removeAlpha()
    .toColourspace('srgb')
    .jpeg({ quality: 90 })
    .toFile(file)
  files.push(file)
}
const batch = 32
const threads = new PictureThreads(
  createRequire(import.meta.url).resolve('sharp'),
  {
    rules,
    augmentation: {
      augment: {
        cropScale: 0.08,
        flip: 0.5,
        randAugment: { operations: 2, magnitude: 9, std: 0.5 },
        colorJitter: 0.4,
        erasing: 0.25,
        mixup: 0,
        cutmix: 0,
        switchProbability: 0.5,
        repeats: 1,
      },
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    },
  },
  2,
)
const pixels = new Float32Array(batch * size)
let step = 0
const ours = contestant('genepool, 2 threads', async () => {
  const first = step++ * batch
  await threads.each(
    batch,
    (row) => ({
      file: files[(first + row) % files.length],
      draws: { seed: 1, labels: ['augment', '0', 'picture', String(first + row), '0'] },
    }),
    (row, made) => {
      if (made instanceof Error) throw made
      pixels.set(made.pixels, row * size)
    },
  )
})
const contestants = [ours]
if (flags.torch !== undefined) {
  contestants.push(await torchContestant(flags.torch, ['--work', 'train', '--batch', String(batch), ...files], script))
}
const timings = await takeTurns(contestants, Number(flags.rounds), Number(flags.batches))
const about = { bench: 'pictures', batch }
for (const { name, ...ms } of timings)
  report({ ...about, runtime: name, ...ms, imagesPerSecond: (1_000 * batch) / ms.ms })
const [own, torch] = timings
if (torch !== undefined) report({ ...about, figure: 'torch ms / our ms', ratio: torch.ms / own.ms })
for (const { stop } of contestants) stop()
rmSync(work, { recursive: true })
process.exit(0)
