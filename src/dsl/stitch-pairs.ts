/** Which students of a pool are stitched with which. */
import { closest } from './closest.js'
import { isWholeRatio, selectPairs } from './model-pairs.js'
import type { DistillParams, GridParams, StitchParams } from './nodes.js'
import { shown, type OptionReader } from './option-reader.js'
import type { VitConfig } from './vit-config.js'

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
