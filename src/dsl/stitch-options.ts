/** How a pool is stitched: which students, how stitch layers start, and how their descendants are tuned. */
import { isWholeRatio, orderedPairs, readGrid, selectPairs, type GridOptions, type ModelPair } from './grid.js'
import { closest } from './names.js'
import type { DataParams, DistillParams, GridParams, StitchParams, StitchStart, TuneLoss } from './nodes.js'
import { OptionReader, shown } from './option-reader.js'
import { GRID_OPTIONS, STITCH_OPTIONS, STITCHED_OPTIONS, TRAIN_OPTIONS } from './option-tables.js'
import { namesOf, readOptions, type Options } from './options.js'
import type { Place } from './place.js'
import { readTrainParams } from './train-options.js'
import type { VitConfig } from './vit-config.js'

/** How the pool is stitched (docs/method.md, sections 3 to 5). */
export interface StitchOptions<Start extends StitchStart = StitchStart, Loss extends TuneLoss = TuneLoss>
  extends GridOptions, Options<typeof STITCH_OPTIONS, { readonly init: Start; readonly loss: Loss }> {}

/** Models of the pool by name, narrowest first. */
interface Pooled {
  readonly models: ReadonlyMap<string, PooledModel>
  /** Null where there is no teacher. */
  readonly teacherWidth: number | null
}

interface PooledModel {
  readonly model: VitConfig
  /** Null for an anchor, which brings no matrices. */
  readonly distilled: DistillParams | null
}

type Models = Pooled['models']

const checkStudent = (options: OptionReader, key: string, name: unknown, models: Models): string => {
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
      `${subject} (embedDim ${front.embedDim}), wider than '${to}' (${end.embedDim}), and a stitch ` +
        `goes from narrow to wide: write ${rewrite(to, from)}`,
    )
  }
  if (front.embedDim === end.embedDim) {
    options.fail(
      'mismatch',
      key,
      `${subject}, as wide as '${to}' (embedDim ${end.embedDim}), and a stitch goes from narrow to ` +
        `wide: write two students of different embedDim`,
    )
  }
  if (!isWholeRatio(front.depth, end.depth)) {
    options.fail(
      'mismatch',
      key,
      `${subject} with depth ${front.depth}, but '${to}' has depth ${end.depth}: write the same ` +
        `depth, or a whole multiple of it`,
    )
  }
}

/** The stitched models and which of them are paired. Throws a DefinitionError for pairs that cannot be stitched. */
const readPairs = (options: OptionReader, models: Models): Pick<StitchParams, 'models'> & Pick<GridParams, 'pairs'> => {
  if (options.has('from') || options.has('to')) {
    const surplus = (['models', 'pairs'] as const).find((key) => options.has(key))
    if (surplus !== undefined)
      options.fail('mismatch', surplus, 'goes without stitch.from and stitch.to: leave one or the other out')
    const from = checkStudent(options, 'from', options.value('from'), models)
    const to = checkStudent(options, 'to', options.value('to'), models)
    checkPair(options, 'from', from, to, models)
    return { models: [from, to], pairs: [[0, 1]] }
  }
  const chosen = options.value('models') ?? [...models.keys()]
  if (!Array.isArray(chosen)) return options.fail('wrongType', 'models', `is ${shown(chosen)}: write a list of names`)
  const named = new Set(chosen.map((name: unknown) => checkStudent(options, 'models', name, models)))
  const names = [...models.keys()].filter((name) => named.has(name))
  if (names.length < 2)
    options.fail('mismatch', 'models', 'leaves fewer than two students to stitch: write two names or more')
  const wanted = options.value('pairs') ?? 'nearest'
  const indexOf = (name: unknown): number => names.indexOf(checkStudent(options, 'pairs', name, models))
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
      `${chosen}, but '${name}' is distilled with loss 'logits', which learns no matrices: ${advice}, ` +
        `or distill.${name}.loss: 'logits+rep'`,
    )
  }
  if (read === 'reverse' && distilled.transforms === 'toStudent' && !distilled.reverseTransforms) {
    options.fail(
      'mismatch',
      'init',
      `${chosen}, but '${name}' is distilled without matrices towards its teacher: write ` +
        `distill.reverseTransforms: true`,
    )
  }
}

/** Refuses a start whose matrices the models of some pair have not learned (docs/method.md, section 4). */
const checkStart = (
  options: OptionReader,
  init: StitchStart,
  names: readonly string[],
  pairs: readonly ModelPair[],
  pool: Pooled,
): void => {
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
}

/** Without a teacher there is nothing to tune towards but the labels. */
export const checkTuneLoss = (options: OptionReader, loss: TuneLoss, taught: boolean): void => {
  if (taught || loss === 'none') return
  options.fail('mismatch', 'loss', `is '${loss}', but there is no teacher: write .teacher(...) before, or loss: 'none'`)
}

/** Complete parameters of a stitch. */
export const readStitchParams = (
  stitch: unknown,
  train: unknown,
  pool: Pooled,
  data: DataParams,
  seed: number,
  place?: Place,
): StitchParams => {
  const known = namesOf(STITCHED_OPTIONS, GRID_OPTIONS, STITCH_OPTIONS)
  const options = new OptionReader([{ path: 'stitch', options: stitch, known }], place)
  const { models, pairs } = readPairs(options, pool.models)
  const depth = Math.min(...models.map((name) => pool.models.get(name)!.model.depth))
  const grid: GridParams = { pairs, ...readGrid(options, depth) }
  const anchors = [...pool.models.values()].every(({ distilled }) => distilled === null)
  const taught = pool.teacherWidth !== null
  const read = readOptions(STITCH_OPTIONS, options, { anchors, taught })
  checkStart(options, read.init, models, orderedPairs(pairs, grid.twoWay), pool)
  checkTuneLoss(options, read.loss, taught)
  if (read.sampling === 'uniform' && options.has('macsGroups')) {
    options.fail('mismatch', 'macsGroups', "goes with sampling: 'macs' alone: leave it out, or write that too")
  }
  const training = new OptionReader([{ path: 'stitch', options: train, known: namesOf(TRAIN_OPTIONS) }], place)
  return { models, grid, ...read, train: readTrainParams(training, data, { stitching: true }), seed }
}
