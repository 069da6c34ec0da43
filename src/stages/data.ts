/** The stage `data`: a data set checked, cut into splits and written in the form that the other stages read. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DataParams } from '../dsl/nodes.js'
import { attemptAsync, StageError } from '../runtime/errors.js'
import type { ImageCounts, StageFunction } from '../runtime/stage-contract.js'
import type { DatasetInfo, SplitName } from './data/dataset.js'
import { type IdxPair, openIdxPair, readIdxLabels, readIdxRows } from './data/idx.js'
import { Generator } from './data/random.js'
import { writeSafetensors } from './tensors/safetensors.js'

/** How many of these images the option keeps. */
const takenCount = (
  { count: available }: IdxPair['images'],
  option: 'take' | 'takeTest',
  { [option]: count }: DataParams,
): number => {
  if (count === null || count <= available) return count ?? available
  throw new StageError({
    message: `${option} is ${count}, but there are only ${available} images`,
    hint: `set ${option} to ${available} or less, or leave it out to keep them all`,
  })
}

/** Drawn without replacement, in the order of the file. */
const takenRows = (
  { count: available }: IdxPair['images'],
  option: 'take' | 'takeTest',
  { [option]: count, seed }: DataParams,
): Int32Array =>
  count === null
    ? Int32Array.from({ length: available }, (_, row) => row)
    : Generator.from(seed, option).sample(available, count)

/** How many of the kept training images are held out for validation. */
const heldOutCount = (kept: number, { validation: share }: DataParams): number => {
  if (share === 0) return 0
  const held = Math.round(kept * share)
  if (held > 0 && held < kept) return held
  throw new StageError({
    message:
      `validation is ${share}: of ${kept} training images that leaves ${kept - held} to train on ` +
      `and ${held} to validate`,
    hint: 'choose a share that leaves images for both',
  })
}

interface OpenedData {
  readonly train: IdxPair
  readonly test: IdxPair
  readonly counts: ImageCounts
}

/** Opens the files and says how many images each split will have; no image is read. */
const openData = async (params: DataParams, sources: Readonly<Record<string, string>>): Promise<OpenedData> => {
  const train = await openIdxPair(sources['trainImages'], sources['trainLabels'], params)
  const test = await openIdxPair(sources['testImages'], sources['testLabels'], params)
  const kept = takenCount(train.images, 'take', params)
  const validation = heldOutCount(kept, params)
  const counts = { train: kept - validation, test: takenCount(test.images, 'takeTest', params), validation }
  return { train, test, counts }
}

/** Images of each split, by the parameters and the headers of the files. */
export const imageCounts = async (
  params: DataParams,
  sources: Readonly<Record<string, string>>,
): Promise<ImageCounts> => (await openData(params, sources)).counts

/** Where the images of each split stand in their file, ascending. */
const splitRows = ({ train, test, counts }: OpenedData, params: DataParams): Record<SplitName, Int32Array> => {
  const kept = takenRows(train.images, 'take', params)
  const testRows = takenRows(test.images, 'takeTest', params)
  if (counts.validation === 0) return { train: kept, test: testRows, validation: new Int32Array(0) }
  const heldOut = Generator.from(params.seed, 'validation').sample(kept.length, counts.validation)
  const isHeldOut = new Set(heldOut)
  return {
    train: kept.filter((_, place) => !isHeldOut.has(place)),
    test: testRows,
    validation: heldOut.map((place) => kept[place]),
  }
}

/**
 * Mean and standard deviation of every channel, of pixels scaled to [0, 1]. Sums are of whole numbers, and so exact.
 */
const channelStatistics = (pixels: Uint8Array, channels: number): { mean: number[]; std: number[] } => {
  const histograms = Array.from({ length: channels }, () => new Float64Array(256))
  for (let pixel = 0; pixel < pixels.length; pixel++) histograms[pixel % channels][pixels[pixel]]++
  const perChannel = pixels.length / channels
  const mean = histograms.map((counts) => counts.reduce((sum, n, value) => sum + n * value, 0) / perChannel / 255)
  const std = histograms.map((counts, channel) => {
    const squares = counts.reduce((sum, n, value) => sum + n * (value / 255 - mean[channel]) ** 2, 0)
    // Images of one colour deviate by 0, by which nothing can be divided; one grey level is the least deviation
    // instead.
    return Math.max(Math.sqrt(squares / perChannel), 1 / 255)
  })
  return { mean, std }
}

/**
 * The stage `data`: checks the IDX files, draws the subsets and writes `train.safetensors`, `test.safetensors`,
 * `validation.safetensors` (where images are held out), each with `images` U8 `[n, h, w, c]` and `labels` I32 `[n]`,
 * and `dataset.json`. Bad input is a StageError. The images of one split are in memory at a time.
 */
export const data: StageFunction<DataParams> = ({ params, sources, outDir }) =>
  attemptAsync(async () => {
    const { imageSize, channels, numClasses } = params
    const opened = await openData(params, sources)
    const { train, test, counts } = opened
    const rows = splitRows(opened, params)
    // All of them before any image: a wrong label is found soon.
    const labels: Record<SplitName, Uint8Array> = {
      train: await readIdxLabels(train.labels, rows.train, numClasses),
      test: await readIdxLabels(test.labels, rows.test, numClasses),
      validation: await readIdxLabels(train.labels, rows.validation, numClasses),
    }
    const write = async (name: SplitName, { images }: IdxPair): Promise<Uint8Array> => {
      const pixels = await readIdxRows(images, rows[name])
      const count = rows[name].length
      writeSafetensors(join(outDir, `${name}.safetensors`), {
        images: { shape: [count, images.height, images.width, channels], data: pixels },
        labels: { shape: [count], data: Int32Array.from(labels[name]) },
      })
      return pixels
    }
    const statistics = channelStatistics(await write('train', train), channels)
    await write('test', test)
    if (counts.validation > 0) await write('validation', train)
    const info: DatasetInfo = { imageSize, channels, numClasses, ...statistics, counts }
    writeFileSync(join(outDir, 'dataset.json'), `${JSON.stringify(info, null, 2)}\n`)
    return counts
  })
