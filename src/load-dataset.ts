/** Reading a pipeline's images from code, as a stage of the user's own does. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** One split. */
export interface LoadedSplit {
  readonly count: number
  /** Raw pixels `[count, imageSize, imageSize, channels]`. */
  readonly images: Uint8Array
  /** Class of every image, `[count]`. */
  readonly labels: Int32Array
  /** Images `from` to `to` (exclusive) as models read them: `(x / 255 − mean) / std`, `[to − from, h, w, c]`. */
  readonly pixels: (from?: number, to?: number) => Float32Array
}

export interface LoadedDataset {
  /** Pixels a side. */
  readonly imageSize: number
  readonly channels: number
  readonly numClasses: number
  /** Of each channel, over the training pixels scaled to [0, 1]. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
  /** Read when first asked for. Throws where the data have no such split. */
  readonly split: (name: 'train' | 'test' | 'validation') => LoadedSplit
}

/** The images of a data stage's artifact: `folder` is `inputs.data.folder` in a stage, or what `genepool show` names. Rejects for another folder. */
export const loadDataset = async (folder: string): Promise<LoadedDataset> => {
  const { openDataset } = await import('./stages/data/dataset.js')
  const files = Object.fromEntries(readdirSync(folder).map((name) => [name, join(folder, name)]))
  const { split: open, ...shape } = openDataset({ files, summary: {} })
  const split: LoadedDataset['split'] = (name) => {
    const { count, images, labels, gather } = open(name)
    const pixels = (from = 0, to = count): Float32Array => {
      const indices = Int32Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index)
      const values = new Float32Array(indices.length * shape.imageSize ** 2 * shape.channels)
      gather(indices, values, new Int32Array(indices.length))
      return values
    }
    return { count, images, labels, pixels }
  }
  return { ...shape, split }
}
