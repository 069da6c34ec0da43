import { closest } from './closest.js'
import { isWholeRatio, selectPairs } from './model-pairs.js'
import type { DistillParams, GridParams, Place, StitchParams, StitchStart, TuneLoss } from './nodes.js'
import { COUNT, OptionReader, shown } from './option-reader.js'
import { readTrainParams, TRAIN_OPTIONS, type TrainOptions } from './train-options.js'
import type { VitConfig } from './vit-config.js'

/** Which models a grid has. Defaults: `triples` and `twoWay` false, `kernel` 2, `stride` 1, `finalNorm` `'all'`. */
export type GridOptions = Partial<Omit<GridParams, 'pairs'>>

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

export const GRID_OPTIONS = [
  'triples',
  'twoWay',
  'kernel',
  'stride',
  'finalNorm',
] as const satisfies readonly (keyof GridOptions)[]

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

/** The stitched models and which of them are paired. */
const readPairs = (options: OptionReader, models: Models): Pick<StitchParams, 'models'> & Pick<GridParams, 'pairs'> => {
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

/** What a start reads of the distillation; `needs` says who must have it. */
const checkMatrices = (
  options: OptionReader,
  init: 'learned' | 'composed',
  needs: readonly string[],
  models: Models,
): void => {
  const chosen = `is '${init}'${options.has('init') ? '' : ' by default'}`
  const advice = "write init: 'leastSquares' or 'random'"
  for (const name of needs) {
    const { distilled } = models.get(name)!
    if (distilled === null) {
      options.fail('mismatch', 'init', `${chosen}, but '${name}' is an anchor, which learned no matrices: ${advice}`)
    }
    if (distilled.loss === 'logits') {
      options.fail(
        'mismatch',
        'init',
        `${chosen}, but '${name}' is distilled with loss 'logits', which learns no matrices: ${advice}, or distill.${name}.loss: 'logits+rep'`,
      )
    }
    if (init === 'composed' && !distilled.reverseTransforms) {
      options.fail(
        'mismatch',
        'init',
        `${chosen}, but '${name}' is distilled without matrices towards its teacher: write distill.reverseTransforms: true`,
      )
    }
  }
}

const readStart = (options: OptionReader, names: readonly string[], pool: Pooled): StitchStart => {
  const anchors = [...pool.models.values()].every(({ distilled }) => distilled === null)
  const starts = ['learned', 'composed', 'leastSquares', 'random'] as const
  const init = options.choice('init', starts, anchors ? 'leastSquares' : 'learned')
  if (init === 'composed') checkMatrices(options, init, names, pool.models)
  if (init === 'learned') {
    // The last model gives no stitch; its own matrices take part only where it is narrower than the teacher (section 4).
    const last = names.at(-1)!
    const lastIsNarrower = pool.models.get(last)!.model.embedDim < (pool.teacherWidth ?? 0)
    checkMatrices(options, init, lastIsNarrower ? names : names.slice(0, -1), pool.models)
  }
  return init
}

/** A window's size or step; past the models' depth it would leave most pairs of blocks out without a word. */
const readWindow = (options: OptionReader, key: 'kernel' | 'stride', depth: number, fallback: number): number => {
  const value = options.number(key, COUNT, fallback)
  if (value > depth)
    options.fail('outOfRange', key, `is ${value}, above the students' depth ${depth}: write ${depth} or less`)
  return value
}

/** Everything about a grid but its pairs; `depth` is the shallowest model's. */
export const readGrid = (options: OptionReader, depth: number): Omit<GridParams, 'pairs'> => ({
  triples: options.boolean('triples', false),
  twoWay: options.boolean('twoWay', false),
  kernel: readWindow(options, 'kernel', depth, 2),
  stride: readWindow(options, 'stride', depth, 1),
  finalNorm: options.choice('finalNorm', ['all', 'anchorsOnly', 'none'], 'all'),
})

/** `what`: the stage that the option belongs to. Without a teacher there is nothing to tune towards but the labels. */
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
  const init = readStart(options, models, pool)
  const depth = Math.min(...models.map((name) => pool.models.get(name)!.model.depth))
  const training = new OptionReader([{ path: 'stitch', options: train, known: TRAIN_OPTIONS }], place)
  return {
    models,
    grid: { pairs, ...readGrid(options, depth) },
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
