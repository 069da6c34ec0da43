import {
  GRID_OPTIONS,
  type GridOptions,
  isWholeRatio,
  type ModelPair,
  orderedPairs,
  readGrid,
  selectPairs,
} from './grid.js'
import { closest } from './names.js'
import type { DistillParams, GridParams, StitchParams, StitchStart, TuneLoss } from './nodes.js'
import { COUNT, OptionReader, shown } from './option-reader.js'
import type { Place } from './place.js'
import { readTrainParams, TRAIN_OPTIONS, type TrainOptions } from './train-options.js'
import type { VitConfig } from './vit-config.js'

/** Which students of a pool are stitched with which. */

/** Models of the pool by name, narrowest first. */
export interface Pooled {
  readonly models: ReadonlyMap<string, PooledModel>
  /** Null where there is no teacher. */
  readonly teacherWidth: number | null
}

export interface PooledModel {
  readonly model: VitConfig
  /** Null for an anchor, which brings no matrices. */
  readonly distilled: DistillParams | null
}

type Models = Pooled['models']

const checkName = (options: OptionReader, key: string, name: unknown, models: Models): string => {
  if (typeof name === 'string' && models.has(name)) return name
  const names = [...models.keys()]
  const list = names.map((each) => `'${each}'`).join(' or ')
  if (name === undefined) return options.fail('missing', key, `is missing: write ${list}`)
  const meant = typeof name === 'string' ? closest(name, names) : undefined
  const advice = meant === undefined ? `write ${list}` : `did you mean '${meant}'?`
  return options.fail('unknownStudent', key, `is ${shown(name)}, which is no student of the pool: ${advice}`)
}

/** Refuses a pair that cannot be stitched; `key` is the option that names it. */
const checkPair = (options: OptionReader, key: 'from' | 'pairs', from: string, to: string, models: Models): void => {
  const rewrite = (front: string, end: string): string =>
    key === 'from' ? `from: '${front}', to: '${end}'` : `['${front}', '${end}']`
  if (from === to) {
    const what = key === 'from' ? `is '${to}', the same student as stitch.from` : `stitch '${to}' to itself`
    options.fail('mismatch', key === 'from' ? 'to' : key, `${what}: write the name of a wider student`)
  }
  const [front, end] = [models.get(from)!.model, models.get(to)!.model]
  const subject = key === 'from' ? `is '${from}'` : `have '${from}'`
  if (front.embedDim > end.embedDim) {
    options.fail(
      'mismatch',
      key,
      `${subject} (embedDim ${front.embedDim}), wider than '${to}' (${end.embedDim}), and a stitch goes from narrow to wide: write ${rewrite(to, from)}`,
    )
  }
  if (front.embedDim === end.embedDim) {
    options.fail(
      'mismatch',
      key,
      `${subject}, as wide as '${to}' (embedDim ${end.embedDim}), and a stitch goes from narrow to wide: write two students of different embedDim`,
    )
  }
  if (!isWholeRatio(front.depth, end.depth)) {
    options.fail(
      'mismatch',
      key,
      `${subject} with depth ${front.depth}, but '${to}' has depth ${end.depth}: write the same depth, or a whole multiple of it`,
    )
  }
}

/** The stitched models and which of them are paired. Throws a DefinitionError for pairs that cannot be stitched. */
export const readPairs = (
  options: OptionReader,
  models: Models,
): Pick<StitchParams, 'models'> & Pick<GridParams, 'pairs'> => {
  if (options.has('from') || options.has('to')) {
    const surplus = (['models', 'pairs'] as const).find((key) => options.has(key))
    if (surplus !== undefined)
      options.fail('mismatch', surplus, 'goes without stitch.from and stitch.to: leave one or the other out')
    const from = checkName(options, 'from', options.value('from'), models)
    const to = checkName(options, 'to', options.value('to'), models)
    checkPair(options, 'from', from, to, models)
    return { models: [from, to], pairs: [[0, 1]] }
  }
  const chosen = options.value('models') ?? [...models.keys()]
  if (!Array.isArray(chosen)) return options.fail('wrongType', 'models', `is ${shown(chosen)}: write a list of names`)
  const named = new Set(chosen.map((name: unknown) => checkName(options, 'models', name, models)))
  const names = [...models.keys()].filter((name) => named.has(name))
  if (names.length < 2)
    options.fail('mismatch', 'models', 'leaves fewer than two students to stitch: write two names or more')
  const wanted = options.value('pairs') ?? 'nearest'
  const indexOf = (name: unknown): number => names.indexOf(checkName(options, 'pairs', name, models))
  const listed = Array.isArray(wanted)
    ? wanted.map((pair: unknown) =>
        Array.isArray(pair) && pair.length === 2
          ? ([indexOf(pair[0]), indexOf(pair[1])] as const)
          : options.fail('wrongType', 'pairs', `has ${shown(pair)}: write pairs of names such as ['tiny', 'base']`),
      )
    : undefined
  if (listed?.some((pair) => pair.includes(-1)) === true)
    options.fail('mismatch', 'pairs', 'have a student that stitch.models leaves out')
  if (listed?.length === 0) options.fail('empty', 'pairs', "have no pair: write 'nearest', 'all' or [['tiny', 'base']]")
  if (listed === undefined && wanted !== 'nearest' && wanted !== 'all') {
    options.fail(
      'notAChoice',
      'pairs',
      `is ${shown(wanted)}: write 'nearest', 'all' or pairs of names such as [['tiny', 'base']]`,
    )
  }
  const pairs = selectPairs(listed ?? (wanted as 'nearest' | 'all'), names.length, 'stitch.pairs', options.place)
  for (const [front, end] of pairs) checkPair(options, 'pairs', names[front]!, names[end]!, models)
  return { models: names, pairs }
}

/** How stitch layers start, and what the students of each pair must have learned for it. */

/** Matrices of distillation that a start reads: any, or those that lead back to the teacher. */
type Matrices = 'any' | 'reverse'

/** Refuses a start that reads matrices which the student `name` did not learn. */
const checkMatrices = (
  options: OptionReader,
  init: StitchStart,
  name: string,
  read: Matrices,
  { models }: Pooled,
): void => {
  const { distilled } = models.get(name)!
  const chosen = `is '${init}'${options.has('init') ? '' : ' by default'}`
  const advice = "write init: 'leastSquares' or 'random'"
  if (distilled === null) {
    return options.fail(
      'mismatch',
      'init',
      `${chosen}, but '${name}' is an anchor, which learned no matrices: ${advice}`,
    )
  }
  if (distilled.loss === 'logits') {
    options.fail(
      'mismatch',
      'init',
      `${chosen}, but '${name}' is distilled with loss 'logits', which learns no matrices: ${advice}, or distill.${name}.loss: 'logits+rep'`,
    )
  }
  if (read === 'reverse' && distilled.transforms === 'toStudent' && !distilled.reverseTransforms) {
    options.fail(
      'mismatch',
      'init',
      `${chosen}, but '${name}' is distilled without matrices towards its teacher: write distill.reverseTransforms: true`,
    )
  }
}

/** What each start reads of the models of a pair (docs/method.md, section 4). */
export const readStart = (
  options: OptionReader,
  names: readonly string[],
  pairs: readonly ModelPair[],
  pool: Pooled,
): StitchStart => {
  const anchors = [...pool.models.values()].every(({ distilled }) => distilled === null)
  const starts = ['learned', 'composed', 'leastSquares', 'random'] as const
  const init = options.choice('init', starts, anchors ? 'leastSquares' : 'learned')
  for (const [front, end] of pairs.map((pair) => pair.map((index) => names[index]!))) {
    if (init === 'composed') {
      checkMatrices(options, init, front!, 'reverse', pool)
      checkMatrices(options, init, end!, 'any', pool)
    }
    if (init === 'learned') {
      // A student as wide as the teacher stands for the teacher: its own matrices take no part.
      const narrower = [front!, end!].filter((name) => pool.models.get(name)!.model.embedDim !== pool.teacherWidth)
      for (const name of narrower) checkMatrices(options, init, name, 'any', pool)
    }
  }
  return init
}

export type { GridOptions } from './grid.js'

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
