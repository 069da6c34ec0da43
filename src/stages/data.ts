/** The stage `data`: a data set checked, cut into splits and written in the form that the other stages read. */
import { writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import type { DataParams } from '../dsl/nodes.js'
import { attemptAsync, StageError } from '../runtime/errors.js'
import type { ImageCounts, StageFunction } from '../runtime/stage-contract.js'
import type { DatasetInfo, SplitName } from './data/dataset.js'
import { type DataFiles, openDataFiles } from './data/data-files.js'
import type { LabelledImages, LabelledPictures } from './data/labelled-images.js'
import { writePictures } from './data/picture-split.js'
import { PictureThreads, UnreadablePicture } from './data/picture-threads.js'
import { Generator } from './data/random.js'
import { writeSafetensors } from './tensors/safetensors.js'

/** How many of these images the option keeps. */
const takenCount = (
  { count: available }: Pick<LabelledImages, 'count'>,
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
  { count: available }: Pick<LabelledImages, 'count'>,
  option: 'take' | 'takeTest',
  { [option]: count, seed }: DataParams,
): Int32Array =>
  count === null
    ? Int32Array.from({ length: available }, (_, row) => row)
    : Generator.from(seed, option).sample(available, count)

/** How many of the kept training images are held out for validation. */
const heldOutCount = (kept: number, { validation }: DataParams): number => {
  if (validation === 0) return 0
  const held = validation < 1 ? Math.round(kept * validation) : validation
  if (held > 0 && held < kept) return held
  throw new StageError({
    message:
      `validation is ${validation}: of ${kept} training images that leaves ${Math.max(0, kept - held)} to train on ` +
      `and ${held} to validate`,
    hint: 'choose a share or a number that leaves images for both',
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
  readonly from: LabelledImages | LabelledPictures
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

/** How often each value occurs in each channel. Counts are whole numbers, and so exact. */
class ChannelCounts {
  readonly #counts: readonly Float64Array[]
  #pixels = 0

  constructor(channels: number) {
    this.#counts = Array.from({ length: channels }, () => new Float64Array(256))
  }

  add(images: Uint8Array): void {
    const channels = this.#counts.length
    for (let at = 0; at < images.length; at++) this.#counts[at % channels][images[at]]++
    this.#pixels += images.length / channels
  }

  /** Mean and standard deviation of every channel, of pixels scaled to [0, 1]. */
  statistics(): { mean: number[]; std: number[] } {
    const mean = this.#counts.map((counts) => counts.reduce((sum, n, value) => sum + n * value, 0) / this.#pixels / 255)
    const std = this.#counts.map((counts, channel) => {
      const squares = counts.reduce((sum, n, value) => sum + n * (value / 255 - mean[channel]) ** 2, 0)
      // Images of one colour deviate by 0, by which nothing can be divided; one grey level is the least deviation
      // instead.
      return Math.max(Math.sqrt(squares / this.#pixels), 1 / 255)
    })
    return { mean, std }
  }
}

/** A picture that cannot be used. */
interface UnreadableFile {
  readonly file: string
  /** What is wrong with it, as the end of a sentence. */
  readonly fault: string
}

/** So many of the files that cannot be read are named in an error. */
const MOST_NAMED = 50

const unreadableError = (unreadable: readonly UnreadableFile[]): StageError => {
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

/** What is counted and told while splits are written. */
interface Written {
  readonly outDir: string
  readonly params: DataParams
  /** Called with how many rows of the split are done. */
  readonly done: (rows: number) => void
  /** Of the training images. */
  readonly counts: ChannelCounts | undefined
}

/** Writes the images of a split. */
const writeImages = async (
  name: SplitName,
  { from, rows }: { readonly from: LabelledImages; readonly rows: Int32Array },
  labels: Int32Array,
  { outDir, params: { imageSize, channels }, done, counts }: Written,
): Promise<void> => {
  const { pixels } = await from.read(rows)
  writeSafetensors(join(outDir, `${name}.safetensors`), {
    images: { shape: [rows.length, imageSize, imageSize, channels], data: pixels },
    labels: { shape: [rows.length], data: labels },
  })
  counts?.add(pixels)
  done(rows.length)
}

const GIB = 2 ** 30

/** Writes the pictures of a split that can be decoded, and gives the others. */
const writePictureSplit = async (
  name: SplitName,
  { from, rows }: { readonly from: LabelledPictures; readonly rows: Int32Array },
  labels: Int32Array,
  { outDir, params: { imageSize, source }, done, counts }: Written,
  threads: PictureThreads,
): Promise<readonly UnreadableFile[]> => {
  const isTrain = name === 'train'
  const cropBytes = rows.length * imageSize ** 2 * 3
  const budget = source.type === 'pictures' && isTrain ? source.cropCache * GIB : Infinity
  const unreadable: UnreadableFile[] = []
  const { places, lengths } = await writePictures(
    threads,
    {
      from,
      rows,
      cropsFile: cropBytes <= budget ? join(outDir, `${name}.crops`) : undefined,
      picturesFile: isTrain ? join(outDir, `${name}.pictures`) : undefined,
    },
    (place, made) => {
      if (made instanceof UnreadablePicture) {
        return void unreadable.push({ file: from.fileOf(rows[place]), fault: made.message })
      }
      counts?.add(made)
      done(place + 1)
    },
  )
  const shape = [places.length]
  writeSafetensors(join(outDir, `${name}.safetensors`), {
    labels: { shape, data: Int32Array.from(places, (place) => labels[place]) },
    ...(isTrain && { lengths: { shape, data: Int32Array.from(lengths) } }),
  })
  return unreadable
}

/**
 * The stage `data`: checks the files, draws the subsets and writes `train.safetensors`, `test.safetensors`,
 * `validation.safetensors` (where there are such images), each with `images` U8 `[n, h, w, c]` and `labels` I32 `[n]`,
 * and `dataset.json`. Of pictures the images are in files of their own (data/picture-split.ts), and those that were
 * left out are listed in `unreadable.json`. Bad input is a StageError. The images of one split are in memory at a time,
 * of pictures a few.
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
    const trainCounts = new ChannelCounts(channels)
    let before = 0
    const unreadable: UnreadableFile[] = []
    const threads =
      source.type === 'pictures' && new PictureThreads(sources['decoder'], { rules: { imageSize, ...source } })
    try {
      for (const [name, { from, rows }] of splits) {
        const written: Written = {
          outDir,
          params,
          done: (row) => progress({ phase: 'decode', step: before + row, steps, images: before + row }),
          counts: name === 'train' ? trainCounts : undefined,
        }
        if ('fileOf' in from) {
          if (threads === false) throw new TypeError('only pictures have files of their own')
          const lost = await writePictureSplit(name, { from, rows }, labels.get(name)!, written, threads)
          unreadable.push(...lost)
          counts[name] -= lost.length
        } else await writeImages(name, { from, rows }, labels.get(name)!, written)
        before += rows.length
      }
    } finally {
      if (threads !== false) await threads.end()
    }
    if (unreadable.length > 0) {
      // All of them are told at once.
      if (source.type !== 'pictures' || source.unreadable === 'refuse') throw unreadableError(unreadable)
      for (const [name] of splits) {
        if (counts[name] === 0) throw new StageError({ message: `no picture of the split ${name} can be read` })
      }
      warn?.(`${unreadable.length} pictures cannot be read and were left out: they are listed in unreadable.json`)
      const folders = Object.values(sources).filter((each) => each.endsWith(sep))
      const listed = unreadable.map(({ file, fault }) => {
        const folder = folders.find((each) => file.startsWith(each)) ?? ''
        return { file: file.slice(folder.length), fault: fault.replaceAll(file, '…') }
      })
      writeFileSync(join(outDir, 'unreadable.json'), `${JSON.stringify(listed, null, 2)}\n`)
    }
    const info: DatasetInfo = {
      imageSize,
      channels,
      numClasses,
      ...trainCounts.statistics(),
      counts,
      ...(source.type === 'pictures' && {
        pictures: {
          crop: source.crop,
          interpolation: source.interpolation,
          orientation: source.orientation,
          transparency: source.transparency,
        },
      }),
    }
    writeFileSync(join(outDir, 'dataset.json'), `${JSON.stringify(info, null, 2)}\n`)
    return counts
  })
