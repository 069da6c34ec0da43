/** Reading a pipeline's images from code, as a stage of the user's own does. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** The images of one split, in the data set's order. */
export interface LoadedSplit {
  readonly count: number
  /** Raw pixels `[count, imageSize, imageSize, channels]`, row-major, 0 to 255. */
  readonly images: Uint8Array
  /** Class of every image, `[count]`, from 0 to numClasses − 1. */
  readonly labels: Int32Array
  /**
   * Images `from` (default 0) to `to` (exclusive; default all) as models read them: `(x / 255 − mean) / std`, `[to −
   * from, h, w, c]`. Throws a RangeError for an image that is not there.
   */
  readonly pixels: (from?: number, to?: number) => Float32Array
}

/** What a data stage left. */
export interface LoadedDataset {
  /** Pixels a side. */
  readonly imageSize: number
  readonly channels: number
  readonly numClasses: number
  /** Mean of each channel, over the training pixels scaled to [0, 1]. */
  readonly mean: readonly number[]
  /** Standard deviation of the same. */
  readonly std: readonly number[]
  /** Read when first asked for. Throws where the data have no such split. */
  readonly split: (name: 'train' | 'test' | 'validation') => LoadedSplit
}

/**
 * Opens the images of a data stage's artifact, normalised by their own mean and std or, for a model that was trained
 * with others, by these: `folder` is `inputs.data.folder` in a stage of your own, or what
 * `genepool show PIPELINE data` names. Rejects with an error where the folder is no data stage's.
 */
export const loadDataset = async (
  folder: string,
  normalisation?: Pick<LoadedDataset, 'mean' | 'std'>,
): Promise<LoadedDataset> => {
  const { openDataset } = await import('./stages/data/dataset.js')
  const files = Object.fromEntries(readdirSync(folder).map((name) => [name, join(folder, name)]))
  const { split: open, ...shape } = openDataset({ files, summary: {} }, normalisation)
  const split: LoadedDataset['split'] = (name) => {
    const opened = open(name)
    const { count, labels } = opened
    const pixels = (from = 0, to = count): Float32Array => {
      const indices = Int32Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index)
      const values = new Float32Array(indices.length * shape.imageSize ** 2 * shape.channels)
      // Without what decodes pictures it throws where it would have to.
      void opened.gather(indices, values, new Int32Array(indices.length))
      return values
    }
    return {
      count,
      get images() {
        return opened.images
      },
      labels,
      pixels,
    }
  }
  return { ...shape, split }
}
