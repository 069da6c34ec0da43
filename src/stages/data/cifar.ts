/**
 * The binary versions of CIFAR-10 and CIFAR-100 (https://www.cs.toronto.edu/~kriz/cifar.html): records of one label, in
 * CIFAR-100 of two (20 coarse classes, then 100 fine ones), and an image of 32 × 32 as three planes: red, green, blue.
 * Everything that does not fit is a StageError with the path.
 */
import { statSync } from 'node:fs'
import { StageError } from '../../runtime/errors.js'
import { checkCount, checkLabels, type LabelledImages, swapAxes } from './labelled-images.js'
import { readingFile, readRows, type RowFile } from './row-file.js'

const SIDE = 32
const CHANNELS = 3
const IMAGE_BYTES = SIDE * SIDE * CHANNELS

/** How the records of a version begin. */
interface CifarLabels {
  /** Labels of a record. */
  readonly count: number
  /** Which of them is the class. */
  readonly at: number
  readonly numClasses: number
}

export const CIFAR_LABELS = {
  cifar10: { count: 1, at: 0, numClasses: 10 },
  coarse: { count: 2, at: 0, numClasses: 20 },
  fine: { count: 2, at: 1, numClasses: 100 },
} as const satisfies Record<string, CifarLabels>

const openRecords = (path: string, { count: labels }: CifarLabels): Promise<RowFile> =>
  readingFile(path, () => {
    const rowBytes = labels + IMAGE_BYTES
    const bytes = statSync(path).size
    const count = Math.floor(bytes / rowBytes)
    checkCount(path, 'records', count)
    if (count * rowBytes !== bytes) {
      throw new StageError({
        message: `${path}: ${bytes} bytes are no whole number of records, which are ${rowBytes} bytes each`,
        hint: "the file is truncated, or not of CIFAR's binary version",
      })
    }
    return { contents: { path, title: path, compression: 'none', at: 0, bytes }, start: 0, count, rowBytes }
  })

/** The rows that lie in each of these files, counted from its first, for rows counted over all of them. */
const rowsOfEach = (files: readonly RowFile[], rows: Int32Array): readonly (readonly [RowFile, Int32Array])[] => {
  let first = 0
  return files.map((file) => {
    const own = rows.filter((row) => row >= first && row < first + file.count).map((row) => row - first)
    first += file.count
    return [file, own]
  })
}

/** Records of several files, in the order of the files. */
export const openCifar = async (paths: readonly string[], kind: CifarLabels): Promise<LabelledImages> => {
  const files: RowFile[] = []
  for (const path of paths) files.push(await openRecords(path, kind))

  const columns = async (rows: Int32Array, at: number, length: number): Promise<Uint8Array> => {
    const columns = new Uint8Array(rows.length * length)
    let row = 0
    for (const [file, own] of rowsOfEach(files, rows)) {
      const records = await readRows(file, own)
      for (let from = at; from < records.length; from += file.rowBytes) {
        columns.set(records.subarray(from, from + length), row++ * length)
      }
    }
    return columns
  }
  return {
    count: files.reduce((count, file) => count + file.count, 0),
    read: async (rows) => ({
      pixels: swapAxes(await columns(rows, kind.count, IMAGE_BYTES), CHANNELS, SIDE * SIDE),
    }),
    labels: async (rows) => {
      const labels = Int32Array.from(await columns(rows, kind.at, 1))
      checkLabels(paths.length === 1 ? paths[0] : `${paths[0]} and its neighbours`, labels, rows, kind.numClasses)
      return labels
    },
  }
}
