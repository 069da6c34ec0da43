import { GRID_OPTIONS, readGrid, type GridOptions } from './grid-options.js'
import { orderedPairs } from './model-pairs.js'
import type { GridParams, Place, StitchParams, StitchStart, TuneLoss } from './nodes.js'
import { COUNT, OptionReader } from './option-reader.js'
import { readPairs, type Pooled } from './stitch-pairs.js'
import { readStart } from './stitch-start-options.js'
import { readTrainParams, TRAIN_OPTIONS, type TrainOptions } from './train-options.js'

export type { GridOptions } from './grid-options.js'

/**
 * How the pool is stitched. Defaults: `init` `'learned'` (of anchors `'leastSquares'`), `matrices` `'mean'` (of a `composed` start
 * `'nearest'`), `inverse` `'transpose'`, `samples` 100, `loss` `'soft'` (without a teacher `'none'`), `tuned` `'all'`,
 * `sampling` `'uniform'`, `macsGroups` 10 with `sampling: 'macs'` (docs/method.md, sections 3 to 5).
 */
export type StitchOptions<Start extends StitchStart = StitchStart, Loss extends TuneLoss = TuneLoss> = GridOptions &
  Partial<Pick<StitchParams, 'matrices' | 'inverse' | 'samples' | 'tuned' | 'sampling' | 'macsGroups'>> & {
    readonly init?: Start
    readonly loss?: Loss
  }

const STITCH_OPTIONS = [
  'from',
  'to',
  'models',
  'pairs',
  ...GRID_OPTIONS,
  'init',
  'matrices',
  'inverse',
  'samples',
  'loss',
  'tuned',
  'sampling',
  'macsGroups',
]

/** Without a teacher there is nothing to tune towards but the labels. */
export const readTuneLoss = (options: OptionReader, hasTeacher: boolean): TuneLoss => {
  const loss = options.choice('loss', ['soft', 'hard', 'none'], hasTeacher ? 'soft' : 'none')
  if (!hasTeacher && loss !== 'none') {
    options.fail(
      'mismatch',
      'loss',
      `is '${loss}', but there is no teacher: write .teacher(...) before, or loss: 'none'`,
    )
  }
  return loss
}

const readSampling = (options: OptionReader): Pick<StitchParams, 'sampling' | 'macsGroups'> => {
  const sampling = options.choice('sampling', ['uniform', 'macs'], 'uniform')
  if (sampling === 'uniform' && options.has('macsGroups')) {
    options.fail('mismatch', 'macsGroups', "goes with sampling: 'macs' alone: leave it out, or write that too")
  }
  return { sampling, macsGroups: sampling === 'macs' ? options.number('macsGroups', COUNT, 10) : 1 }
}

/** Complete parameters of a stitch. */
export const readStitchParams = (
  stitch: unknown,
  train: TrainOptions,
  pool: Pooled,
  seed: number,
  place?: Place,
): StitchParams => {
  const options = new OptionReader([{ path: 'stitch', options: stitch, known: STITCH_OPTIONS }], place)
  const { models, pairs } = readPairs(options, pool.models)
  const depth = Math.min(...models.map((name) => pool.models.get(name)!.model.depth))
  const grid: GridParams = { pairs, ...readGrid(options, depth) }
  const init = readStart(options, models, orderedPairs(pairs, grid.twoWay), pool)
  const training = new OptionReader([{ path: 'stitch', options: train, known: TRAIN_OPTIONS }], place)
  return {
    models,
    grid,
    init,
    matrices: options.choice('matrices', ['mean', 'nearest'], init === 'composed' ? 'nearest' : 'mean'),
    inverse: options.choice('inverse', ['transpose', 'pseudoInverse'], 'transpose'),
    samples: options.number('samples', COUNT, 100),
    loss: readTuneLoss(options, pool.teacherWidth !== null),
    tuned: options.choice('tuned', ['all', 'stitches'], 'all'),
    ...readSampling(options),
    train: readTrainParams(training, { batchSize: 128, mayBeZero: true }),
    seed,
  }
}
