/** A thread that makes evaluation crops of pictures; the other side of it is picture-threads.ts. */
import { statSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { sentenceOf } from '../../base/errors.js'
import { readWholeFile } from '../../base/files.js'
import { evaluationCrop } from './evaluation-crop.js'
import { type Decoder, decodePicture } from './picture.js'
import type { CropAnswer, CropRequest, PictureThreadOptions } from './picture-threads.js'

/** Longest file that is read: no picture of so many pixels is larger. */
const MOST_BYTES = 2 ** 29

const { decoder: url, rule, orientation } = workerData as PictureThreadOptions
// genepool: opaque the package's version is part of the stage's sources
const decoder = import(url).then(
  ({ default: sharp }: { default: Decoder & { concurrency: (threads: number) => void } }) => {
    // Pictures are decoded side by side, each by one thread.
    sharp.concurrency(1)
    return sharp
  },
)
const cropOf = evaluationCrop(rule)

const port = parentPort!
port.on('message', async ({ call, file }: CropRequest) => {
  try {
    if (statSync(file).size > MOST_BYTES) throw new Error(`is larger than ${MOST_BYTES} bytes`)
    const crop = cropOf(await decodePicture(await decoder, readWholeFile(file), orientation)).slice()
    port.postMessage({ call, crop } satisfies CropAnswer, [crop.buffer])
  } catch (cause) {
    port.postMessage({ call, error: sentenceOf(cause) } satisfies CropAnswer)
  }
})
