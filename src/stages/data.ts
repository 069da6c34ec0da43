/** The stage `data`: a data set checked, cut into splits and written in the form that the other stages read. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DataParams } from '../dsl/nodes.js'
import { attemptAsync, StageError } from '../runtime/errors.js'
import type { ImageCounts, StageFunction } from '../runtime/stage-contract.js'
import type { DatasetInfo, SplitName } from './data/dataset.js'
import { type DataFiles, openDataFiles } from './data/data-files.js'
import type { LabelledImages, UnreadableImage } from './data/labelled-images.js'
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

/** So many of the files that cannot be read are named in an error. */
const MOST_NAMED = 50

const unreadableError = (unreadable: readonly UnreadableImage[]): StageError => {
  const named = unreadable.slice(0, MOST_NAMED).map(({ file, fault }) => `  ${JSON.stringify(file)}: ${fault}`)
  const others = unreadable.length - named.length
  return new StageError({
    message: [
      `${unreadable.length} pictures cannot be read:`,
      ...named,
      ...(others > 0 ? [`  and ${others} more`] : []),
    ].join('\n'),
    hint: "mend or remove them, or leave them out: unreadable: 'skip'",
  })
}

/** The rows that were read, one after the other. */
const withoutUnreadable = (pixels: Uint8Array, size: number, left: readonly number[]): Uint8Array => {
  left.forEach((from, to) => pixels.copyWithin(to * size, from * size, (from + 1) * size))
  return pixels.subarray(0, left.length * size)
}

/**
 * The stage `data`: checks the files, draws the subsets and writes `train.safetensors`, `test.safetensors`,
 * `validation.safetensors` (where there are such images), each with `images` U8 `[n, h, w, c]` and `labels` I32 `[n]`,
 * `dataset.json` and, where pictures were left out, `unreadable.json`. Bad input is a StageError. The images of one
 * split are in memory at a time.
 */
export const data: StageFunction<DataParams> = ({ params, sources, outDir, progress, warn }) =>
  attemptAsync(async () => {
    const { imageSize, channels, numClasses, source } = params
    const opened = await openData(params, sources)
    const splits = Object.entries(splitRows(opened, params)) as [SplitName, SplitRows][]
    // All of them before any image: a wrong label is found soon.
    const labels = new Map<SplitName, Int32Array>()
    for (const [name, { from, rows }] of splits) labels.set(name, await from.labels(rows))
    const counts = { ...opened.counts }
    const steps = splits.reduce((sum, [, { rows }]) => sum + rows.length, 0)
    let statistics = { mean: [] as number[], std: [] as number[] }
    let before = 0
    const unreadable: UnreadableImage[] = []
    for (const [name, { from, rows }] of splits) {
      const read = await from.read(rows, (done) => {
        progress({ phase: 'decode', step: before + done, steps, images: before + done })
      })
      before += rows.length
      unreadable.push(...(read.unreadable ?? []))
      const lost = new Set(read.unreadable?.map(({ place }) => place))
      const left = Array.from(rows.keys()).filter((place) => !lost.has(place))
      // All of them are told at once.
      if (unreadable.length > 0 && source.type === 'pictures' && source.unreadable === 'refuse') continue
      if (left.length === 0) throw new StageError({ message: `no picture of the split ${name} can be read` })
      const pixels = lost.size === 0 ? read.pixels : withoutUnreadable(read.pixels, imageSize ** 2 * channels, left)
      counts[name] = left.length
      writeSafetensors(join(outDir, `${name}.safetensors`), {
        images: { shape: [left.length, imageSize, imageSize, channels], data: pixels },
        labels: { shape: [left.length], data: Int32Array.from(left, (place) => labels.get(name)![place]) },
      })
      if (name === 'train') statistics = channelStatistics(pixels, channels)
    }
    if (unreadable.length > 0) {
      if (source.type !== 'pictures' || source.unreadable === 'refuse') throw unreadableError(unreadable)
      warn?.(`${unreadable.length} pictures cannot be read and were left out: they are listed in unreadable.json`)
      const root = [sources['train'], sources['test']]
      const listed = unreadable.map(({ file, fault }) => {
        const folder = root.find((each) => each !== undefined && file.startsWith(each)) ?? ''
        return { file: file.slice(folder.length), fault: fault.replaceAll(file, '…') }
      })
      writeFileSync(join(outDir, 'unreadable.json'), `${JSON.stringify(listed, null, 2)}\n`)
    }
    const info: DatasetInfo = { imageSize, channels, numClasses, ...statistics, counts }
    writeFileSync(join(outDir, 'dataset.json'), `${JSON.stringify(info, null, 2)}\n`)
    return counts
  })
