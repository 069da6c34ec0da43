/** Writes a stitched pool for switching between its models at run time, then has what was written answer. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openEngine } from '../../engine/choice/open.js'
import type { InputArtifact } from '../../runtime/stage-contract.js'
import { checkImages, openDataset, type SplitName } from '../data/dataset.js'
import { writeJson } from '../model/model-files.js'
import { normalisationOf } from '../model/normalisation.js'
import { gridLogits } from '../stitching/descendant-scores.js'
import { descendantName } from '../stitching/grid.js'
import { openStitchedPool } from '../stitching/stitched-pool.js'
import { COMPARED, compareLogits, pixelsOf } from './export-model.js'
import { openExportedPool } from './open-pool.js'
import type { PoolFile, PoolModel } from './pool-file.js'
import { writeParts } from './pool-parts.js'

/** What was measured of a descendant. */
export type MeasuredModel = Omit<PoolModel, 'parts' | 'name'>

/** Test images that lie beside the parts. */
const SAMPLES = 100

export interface PoolExportOptions {
  /** Empty. */
  readonly folder: string
  readonly title: string
  /** Of the descendants that are written. */
  readonly models: readonly MeasuredModel[]
  readonly split: SplitName
  readonly progress: (done: number, of: number) => void
  /** Ends the comparing. */
  readonly signal: AbortSignal
}

/**
 * Leaves `pool.json` (a PoolFile), `samples.bin` and `parts/` in the folder. Rejects with a StageError where a model in
 * parts does not answer as it does whole.
 */
export const exportPool = async (
  { model: input, data }: { readonly model: InputArtifact; readonly data: InputArtifact },
  { folder, title, models, split: name, progress, signal }: PoolExportOptions,
): Promise<PoolFile> => {
  const pool = openStitchedPool(input)
  const sorted = [...models].sort((a, b) => a.params - b.params || a.id - b.id)
  const { names, grid, described } = pool
  const [config] = grid.configs
  const normalisation = normalisationOf(described)
  const dataset = openDataset(data, normalisation)
  checkImages(config, dataset)
  const places = sorted.map(({ id }) => grid.descendants.findIndex((each) => each.id === id))
  const { parts, ofPaths } = writeParts(
    folder,
    pool,
    places.map((place) => grid.paths[place]),
  )
  const split = dataset.split(name)
  const size = config.imageSize ** 2 * config.channels
  const count = Math.min(SAMPLES, split.count)
  writeFileSync(join(folder, 'samples.bin'), split.images.subarray(0, count * size))
  const { crop, interpolation } = dataset.pictures ?? {}
  const file: PoolFile = {
    title,
    preprocessing: {
      size: config.imageSize,
      channels: config.channels,
      ...(normalisation ?? { mean: dataset.mean, std: dataset.std }),
      ...(crop !== undefined && { crop }),
      ...(interpolation !== undefined && { interpolation }),
    },
    classNames: Array.from({ length: config.numClasses }, (_, at) => String(at)),
    models: sorted.map(({ id, params, macs, top1 }, at) => {
      return { id, name: descendantName(names, grid.paths[places[at]]), params, macs, top1, parts: ofPaths[at] }
    }),
    parts,
    samples: { file: 'samples.bin', labels: [...split.labels.subarray(0, count)] },
  }
  writeJson(join(folder, 'pool.json'), file)

  const first = Int32Array.from({ length: Math.min(COMPARED, split.count) }, (_, index) => index)
  const { pixels } = await pixelsOf(split, first, size)
  const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
  const written = openExportedPool(folder)
  try {
    const paths = places.map((place) => grid.paths[place])
    const descendants = places.map((place) => grid.descendants[place])
    const expected = await gridLogits(engine, { ...pool, grid: { ...grid, paths, descendants } }, pixels, first.length)
    for (const [done, { id }] of sorted.entries()) {
      signal.throwIfAborted()
      compareLogits(await (await written.select(id)).logits(pixels), expected[id])
      progress(done + 1, sorted.length)
    }
  } finally {
    await written.release()
    await engine.release()
  }
  return file
}
