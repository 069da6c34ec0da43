/** The stage `data`: a data set checked, cut into splits and written in the form that the other stages read. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DataParams } from '../dsl/nodes.js'
import { attemptAsync, StageError } from '../runtime/errors.js'
import type { ImageCounts, StageFunction } from '../runtime/stage-contract.js'
import type { DatasetInfo, SplitName } from './data/dataset.js'
import { type DataFiles, openDataFiles } from './data/data-files.js'
import type { LabelledImages } from './data/labelled-images.js'
import { Generator } from './data/random.js'
import { writeSafetensors } from './tensors/safetensors.js'

/** How many of these images the option keeps. */
const takenCount = (
  { count: available }: LabelledImages,
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
  { count: available }: LabelledImages,
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

interface OpenedData extends DataFiles {
  readonly counts: ImageCounts
}

/** Opens the files and says how many images each split will have; no image is read. */
const openData = async (params: DataParams, sources: Readonly<Record<string, string>>): Promise<OpenedData> => {
  const files = await openDataFiles(params, sources)
  const kept = takenCount(files.train, 'take', params)
  const heldOut = heldOutCount(kept, params)
  const validation = files.validation?.count ?? heldOut
  return { ...files, counts: { train: kept - heldOut, test: takenCount(files.test, 'takeTest', params), validation } }
}

/** Images of each split, by the parameters and the headers of the files. */
export const imageCounts = async (
  params: DataParams,
  sources: Readonly<Record<string, string>>,
): Promise<ImageCounts> => (await openData(params, sources)).counts

/** Images of a split and where they stand in their files, ascending. */
interface SplitRows {
  readonly from: LabelledImages
  readonly rows: Int32Array
}

const splitRows = (opened: OpenedData, params: DataParams): Partial<Record<SplitName, SplitRows>> => {
  const { train, validation, counts } = opened
  const kept = takenRows(train, 'take', params)
  const test = { from: opened.test, rows: takenRows(opened.test, 'takeTest', params) }
  if (validation !== undefined) {
    const rows = Int32Array.from({ length: validation.count }, (_, row) => row)
    return { train: { from: train, rows: kept }, test, validation: { from: validation, rows } }
  }
  if (counts.validation === 0) return { train: { from: train, rows: kept }, test }
  const heldOut = Generator.from(params.seed, 'validation').sample(kept.length, counts.validation)
  const isHeldOut = new Set(heldOut)
  return {
    train: { from: train, rows: kept.filter((_, place) => !isHeldOut.has(place)) },
    test,
    validation: { from: train, rows: heldOut.map((place) => kept[place]) },
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
 * The stage `data`: checks the files, draws the subsets and writes `train.safetensors`, `test.safetensors`,
 * `validation.safetensors` (where there are such images), each with `images` U8 `[n, h, w, c]` and `labels` I32 `[n]`,
 * and `dataset.json`. Bad input is a StageError. The images of one split are in memory at a time.
 */
export const data: StageFunction<DataParams> = ({ params, sources, outDir }) =>
  attemptAsync(async () => {
    const { imageSize, channels, numClasses } = params
    const opened = await openData(params, sources)
    const splits = Object.entries(splitRows(opened, params)) as [SplitName, SplitRows][]
    // All of them before any image: a wrong label is found soon.
    const labels = new Map<SplitName, Int32Array>()
    for (const [name, { from, rows }] of splits) labels.set(name, await from.labels(rows))
    let statistics = { mean: [] as number[], std: [] as number[] }
    for (const [name, { from, rows }] of splits) {
      const pixels = await from.pixels(rows)
      writeSafetensors(join(outDir, `${name}.safetensors`), {
        images: { shape: [rows.length, imageSize, imageSize, channels], data: pixels },
        labels: { shape: [rows.length], data: labels.get(name)! },
      })
      if (name === 'train') statistics = channelStatistics(pixels, channels)
    }
    const info: DatasetInfo = { imageSize, channels, numClasses, ...statistics, counts: opened.counts }
    writeFileSync(join(outDir, 'dataset.json'), `${JSON.stringify(info, null, 2)}\n`)
    return opened.counts
  })
