/** Images with their labels as the formats of data sets give them, and what all of these check alike. */
import { StageError } from '../../runtime/errors.js'

/** Rows are numbered in 32 bits. */
const MOST_ROWS = 2 ** 31 - 1

/** What a definition says that a data set holds; images are square, `imageSize` pixels a side. */
export interface DeclaredImages {
  readonly imageSize: number
  readonly channels: number
  /** Labels are 0 … numClasses − 1. */
  readonly numClasses: number
}

/** What is read of some rows. */
export interface ReadImages {
  /** Pixels 0 … 255, `[rows, h, w, c]`. */
  readonly pixels: Uint8Array
}

/** Rows of which no more is known than a header says. They are asked for in ascending order, each once. */
interface LabelledRows {
  readonly count: number
  /** Their classes; rejects with a StageError for one that is none. */
  readonly labels: (rows: Int32Array) => Promise<Int32Array>
}

/** Images of one size, many in a file. */
export interface LabelledImages extends LabelledRows {
  readonly read: (rows: Int32Array) => Promise<ReadImages>
}

/** Pictures of any size, each in a file of its own. */
export interface LabelledPictures extends LabelledRows {
  readonly fileOf: (row: number) => string
}

/** Throws a StageError where there are none, or more than can be numbered. */
export const checkCount = (title: string, what: string, count: number): void => {
  if (count === 0) throw new StageError({ message: `${title}: holds no ${what}` })
  if (count > MOST_ROWS) {
    throw new StageError({ message: `${title}: holds ${count} ${what}; at most ${MOST_ROWS} can be told apart` })
  }
}

/** Throws a StageError where images are of another shape than declared. */
export const checkShape = (
  title: string,
  [height, width, channels]: readonly [height: number, width: number, channels: number],
  declared: Pick<DeclaredImages, 'imageSize' | 'channels'>,
): void => {
  const { imageSize } = declared
  if (height === imageSize && width === imageSize && channels === declared.channels) return
  const found = `${height} × ${width} × ${channels}`
  throw new StageError({
    message:
      `${title}: images are ${found} (height × width × channels), ` +
      `declared are ${imageSize} × ${imageSize} × ${declared.channels}`,
    hint: 'set imageSize and channels of the data to what the file holds',
  })
}

/** Throws a StageError unless every label is a class. */
export const checkLabels = (title: string, labels: Int32Array, rows: Int32Array, numClasses: number): void => {
  const wrong = labels.findIndex((label) => label < 0 || label >= numClasses)
  if (wrong === -1) return
  const beginAtOne = labels.every((label) => label >= 1 && label <= numClasses)
  throw new StageError({
    message: `${title}: label number ${rows[wrong]} is ${labels[wrong]}, allowed are 0 to ${numClasses - 1}`,
    hint: beginAtOne
      ? `its labels begin at 1, as EMNIST's letters do: set numClasses to ${numClasses + 1}; class 0 then has no images`
      : 'set numClasses of the data to the number of classes',
  })
}

/** Images `[n, columns, rows]` as `[n, rows, columns]`, each pixel of `channels` values; or planes as pixels. */
export const swapAxes = (images: Uint8Array, first: number, second: number, channels = 1): Uint8Array => {
  const swapped = new Uint8Array(images.length)
  const size = first * second * channels
  for (let image = 0; image < images.length; image += size) {
    for (let a = 0; a < first; a++) {
      for (let b = 0; b < second; b++) {
        const [from, to] = [image + (a * second + b) * channels, image + (b * first + a) * channels]
        for (let channel = 0; channel < channels; channel++) swapped[to + channel] = images[from + channel]
      }
    }
  }
  return swapped
}
