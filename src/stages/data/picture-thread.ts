/** A thread that decodes pictures and crops or augments them; the other side of it is picture-threads.ts. */
import { closeSync, fstatSync, openSync, statSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { sentenceOf } from '../../base/errors.js'
import { readInto, readWholeFile } from '../../base/files.js'
import { drawCrop, imageAugmentation, normalisedBytes } from './augment.js'
import { evaluationCrop } from './evaluation-crop.js'
import { decodeBox, type Decoder, decodePicture } from './picture.js'
import type { PictureAnswer, PictureDraws, PictureRequest, PictureThreadOptions } from './picture-threads.js'
import { Generator } from './random.js'
import type { Box } from './resize.js'

/** Longest file that is read: no picture of so many pixels is larger. */
const MOST_BYTES = 2 ** 29

const { decoder: url, rules, augmentation } = workerData as PictureThreadOptions
// genepool: opaque the package's version is part of the stage's sources
const decoder = import(url).then(
  ({ default: sharp }: { default: Decoder & { concurrency: (threads: number) => void } }) => {
    // Pictures are decoded side by side, each by one thread.
    sharp.concurrency(1)
    return sharp
  },
)
const cropOf = evaluationCrop(rules)
const { imageSize, interpolation } = rules
const shape = { height: imageSize, width: imageSize, channels: 3 }

const augmentImage =
  augmentation &&
  imageAugmentation(
    augmentation.augment,
    shape,
    {
      mean: augmentation.mean,
      normalised: augmentation.mean.map((mean, channel) => normalisedBytes(mean, augmentation.std[channel])),
    },
    interpolation,
  )

/** The whole recipe from the source picture; where that is not cropped at random, from its evaluation crop. */
const augmented = async (bytes: Uint8Array, { seed, labels }: PictureDraws): Promise<Float32Array> => {
  const pixels = new Float32Array(imageSize * imageSize * 3)
  const { cropScale } = augmentation!.augment
  const generator = Generator.from(seed, ...labels)
  const drawn = (height: number, width: number): Box => drawCrop(generator, height, width, cropScale)
  const { picture, box } =
    cropScale < 1
      ? await decodeBox(await decoder, bytes, rules, drawn)
      : { picture: { ...shape, pixels: await evaluated(bytes) }, box: undefined }
  augmentImage!({ ...picture, offset: 0, ...(box && { box }) }, pixels, 0, generator)
  return pixels
}

const evaluated = async (bytes: Uint8Array): Promise<Uint8Array> =>
  cropOf(await decodePicture(await decoder, bytes, rules))

/** The file of many pictures that was read last. */
let opened: { readonly file: string; readonly descriptor: number } | undefined

const readPart = (file: string, at: number, length: number): Uint8Array => {
  if (opened?.file !== file) {
    if (opened !== undefined) closeSync(opened.descriptor)
    opened = { file, descriptor: openSync(file, 'r') }
  }
  const bytes = new Uint8Array(length)
  if (readInto(opened.descriptor, bytes, at) < length) {
    throw new Error(`should end at byte ${at + length}, but the file has ${fstatSync(opened.descriptor).size}`)
  }
  return bytes
}

const readFile = (file: string): Uint8Array => {
  if (statSync(file).size > MOST_BYTES) throw new Error(`is larger than ${MOST_BYTES} bytes`)
  return readWholeFile(file)
}

const port = parentPort!
port.on('message', async ({ call, file, part, draws, returnsFile }: PictureRequest) => {
  try {
    const bytes = part === undefined ? readFile(file) : readPart(file, part.at, part.length)
    const pixels = draws === undefined ? (await evaluated(bytes)).slice() : await augmented(bytes, draws)
    // A copy: small files share memory of Node's that must not be given away.
    const encoded = returnsFile === true ? bytes.slice() : undefined
    const given = [pixels.buffer, ...(encoded === undefined ? [] : [encoded.buffer])] as ArrayBuffer[]
    port.postMessage({ call, pixels, ...(encoded && { encoded }) } satisfies PictureAnswer, given)
  } catch (cause) {
    // A decoder's complaints stand a line each.
    const error = sentenceOf(cause)
      .replaceAll(/source: bad seek to \d+\s*/g, '')
      .trim()
      .replaceAll(/\s*\n\s*/g, '; ')
      .replace(/:$/, '')
    port.postMessage({ call, error } satisfies PictureAnswer)
  }
})
