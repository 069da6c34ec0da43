/** The stage `data`: a data set checked, cut into splits and written in the form that the other stages read. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DataParams } from '../dsl/nodes.js'
import { attempt, StageError } from '../runtime/errors.js'
import type { StageFunction } from '../runtime/stage-contract.js'
import type { DatasetInfo, SplitName } from './data/dataset.js'
import { readIdxPair, type IdxImages } from './data/idx.js'
import { Generator } from './data/random.js'
import { writeSafetensors } from './tensors/safetensors.js'

interface LabelledImages {
  readonly images: IdxImages
  readonly labels: ArrayLike<number>
}

/** The images at `indices`, in that order. */
const select = ({ images, labels }: LabelledImages, indices: Int32Array): LabelledImages => {
  const size = images.height * images.width * images.channels
  const pixels = new Uint8Array(indices.length * size)
  indices.forEach((index, row) => pixels.set(images.pixels.subarray(index * size, (index + 1) * size), row * size))
  return { images: { ...images, count: indices.length, pixels }, labels: Int32Array.from(indices, (i) => labels[i]) }
}

/**
 * As many images as the option says, drawn without replacement, in the order of the file; all of them where it is null.
 */
const takeImages = (
  set: LabelledImages,
  option: 'take' | 'takeTest',
  { [option]: count, seed }: DataParams,
): LabelledImages => {
  const available = set.images.count
  if (count === null) return set
  if (count > available) {
    throw new StageError({
      message: `${option} is ${count}, but there are only ${available} images`,
      hint: `set ${option} to ${available} or less, or leave it out to keep them all`,
    })
  }
  return select(set, Generator.from(seed, option).sample(available, count))
}

/** Splits the kept training images into those to train on and those held out for validation. */
const holdOut = (
  kept: LabelledImages,
  { validation: share, seed }: DataParams,
): { train: LabelledImages; validation: LabelledImages | null } => {
  if (share === 0) return { train: kept, validation: null }
  const { count } = kept.images
  const held = Math.round(count * share)
  if (held === 0 || held === count) {
    throw new StageError({
      message:
        `validation is ${share}: of ${count} training images that leaves ${count - held} to train on ` +
        `and ${held} to validate`,
      hint: 'choose a share that leaves images for both',
    })
  }
  const heldOut = Generator.from(seed, 'validation').sample(count, held)
  const isHeldOut = new Set(heldOut)
  const others = Int32Array.from({ length: count }, (_, index) => index).filter((index) => !isHeldOut.has(index))
  return { train: select(kept, others), validation: select(kept, heldOut) }
}

/**
 * Mean and standard deviation of every channel, of pixels scaled to [0, 1]. Sums are of whole numbers, and so exact.
 */
const channelStatistics = ({ pixels, channels }: IdxImages): { mean: number[]; std: number[] } => {
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

const writeSplit = (outDir: string, name: SplitName, { images, labels }: LabelledImages): void => {
  const { count, height, width, channels, pixels } = images
  writeSafetensors(join(outDir, `${name}.safetensors`), {
    images: { shape: [count, height, width, channels], data: pixels },
    labels: { shape: [count], data: Int32Array.from(labels) },
  })
}

/**
 * The stage `data`: checks the IDX files, draws the subsets and writes `train.safetensors`, `test.safetensors`,
 * `validation.safetensors` (where images are held out), each with `images` U8 `[n, h, w, c]` and `labels` I32 `[n]`,
 * and `dataset.json`. Bad input is a StageError, and then nothing is written.
 */
export const data: StageFunction<DataParams> = ({ params, sources, outDir }) =>
  attempt(() => {
    const { imageSize, channels, numClasses } = params
    const whole = readIdxPair(sources.trainImages, sources.trainLabels, params)
    const wholeTest = readIdxPair(sources.testImages, sources.testLabels, params)
    const { train, validation } = holdOut(takeImages(whole, 'take', params), params)
    const test = takeImages(wholeTest, 'takeTest', params)
    const counts = {
      train: train.images.count,
      test: test.images.count,
      validation: validation?.images.count ?? 0,
    }
    const info: DatasetInfo = { imageSize, channels, numClasses, ...channelStatistics(train.images), counts }

    writeSplit(outDir, 'train', train)
    writeSplit(outDir, 'test', test)
    if (validation !== null) writeSplit(outDir, 'validation', validation)
    writeFileSync(join(outDir, 'dataset.json'), `${JSON.stringify(info, null, 2)}\n`)
    return counts
  })
