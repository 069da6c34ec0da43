import { closest } from './closest.js'
import type { DistillParams, StitchParams } from './nodes.js'
import { COUNT, OptionReader, shown } from './option-reader.js'
import type { Place } from './nodes.js'
import { readTrainParams, TRAIN_OPTIONS, type TrainOptions } from './train-options.js'

/**
 * How the pool is stitched. Defaults: `init` `'learned'`, `samples` 100, `kernel` 2, `stride` 1, `finalNorm` `'all'`,
 * `loss` `'soft'` (docs/method.md, sections 3 to 5).
 */
export type StitchOptions = Partial<Pick<StitchParams, 'init' | 'samples' | 'kernel' | 'stride' | 'finalNorm' | 'loss'>>

const STITCH_OPTIONS = [
  'from',
  'to',
  'init',
  'samples',
  'kernel',
  'stride',
  'finalNorm',
  'loss',
] as const satisfies readonly (keyof StitchParams)[]

/** Students of the pool by name, and the width that their transformation matrices start from. */
export interface PooledStudents {
  readonly students: ReadonlyMap<string, DistillParams>
  readonly teacherWidth: number
}

const readStudentName = (options: OptionReader, key: 'from' | 'to', students: PooledStudents['students']): string => {
  const name = options.value(key)
  if (typeof name === 'string' && students.has(name)) return name
  const names = [...students.keys()]
  const list = names.map((each) => `'${each}'`).join(' or ')
  if (name === undefined) return options.fail('missing', key, `is missing: write ${list}`)
  const meant = typeof name === 'string' ? closest(name, names) : undefined
  const advice = meant === undefined ? `write ${list}` : `did you mean '${meant}'?`
  return options.fail('unknownStudent', key, `is ${shown(name)}, which is no student of the pool: ${advice}`)
}

const checkPair = (options: OptionReader, from: string, to: string, students: PooledStudents['students']): void => {
  if (from === to) {
    options.fail('mismatch', 'to', `is '${to}', the same student as stitch.from: write the name of a wider student`)
  }
  const front = students.get(from)!.model
  const end = students.get(to)!.model
  if (front.embedDim > end.embedDim) {
    options.fail(
      'mismatch',
      'from',
      `is '${from}' (embedDim ${front.embedDim}), wider than '${to}' (${end.embedDim}), and a stitch goes from narrow to wide: write from: '${to}', to: '${from}'`,
    )
  }
  if (front.embedDim === end.embedDim) {
    options.fail(
      'mismatch',
      'from',
      `is '${from}', as wide as '${to}' (embedDim ${end.embedDim}), and a stitch goes from narrow to wide: write two students of different embedDim`,
    )
  }
  if (front.depth !== end.depth) {
    options.fail(
      'mismatch',
      'from',
      `is '${from}' with depth ${front.depth}, but '${to}' has depth ${end.depth}: write the same depth for students that are stitched`,
    )
  }
}

/** The learned start reads matrices that a distillation on logits alone does not have. */
const checkLearnedStart = (options: OptionReader, names: readonly string[], { students }: PooledStudents): void => {
  const without = names.find((name) => students.get(name)!.loss === 'logits')
  if (without === undefined) return
  options.fail(
    'mismatch',
    'init',
    `is 'learned'${options.has('init') ? '' : ' by default'}, but '${without}' is distilled with loss 'logits', which learns no matrices: write init: 'leastSquares' or 'random', or distill.${without}.loss: 'logits+rep'`,
  )
}

/** A window's size or step; past the models' depth it would leave most pairs of blocks out without a word. */
const readWindow = (options: OptionReader, key: 'kernel' | 'stride', depth: number, fallback: number): number => {
  const value = options.number(key, COUNT, fallback)
  if (value > depth)
    options.fail('outOfRange', key, `is ${value}, above the students' depth ${depth}: write ${depth} or less`)
  return value
}

/** Complete parameters of a stitch. */
export const readStitchParams = (
  stitch: unknown,
  train: TrainOptions,
  pool: PooledStudents,
  seed: number,
  place?: Place,
): StitchParams => {
  const options = new OptionReader([{ path: 'stitch', options: stitch, known: STITCH_OPTIONS }], place)
  const from = readStudentName(options, 'from', pool.students)
  const to = readStudentName(options, 'to', pool.students)
  checkPair(options, from, to, pool.students)
  const init = options.choice('init', ['learned', 'leastSquares', 'random'], 'learned')
  if (init === 'learned') {
    // A narrower end's own matrices take part in the composition (docs/method.md, section 4).
    const endIsNarrower = pool.students.get(to)!.model.embedDim < pool.teacherWidth
    checkLearnedStart(options, endIsNarrower ? [from, to] : [from], pool)
  }
  const { depth } = pool.students.get(from)!.model
  return {
    from,
    to,
    init,
    samples: options.number('samples', COUNT, 100),
    kernel: readWindow(options, 'kernel', depth, 2),
    stride: readWindow(options, 'stride', depth, 1),
    finalNorm: options.choice('finalNorm', ['all', 'anchorsOnly', 'none'], 'all'),
    loss: options.choice('loss', ['soft', 'hard', 'none'], 'soft'),
    train: readTrainParams(new OptionReader([{ path: 'stitch', options: train, known: TRAIN_OPTIONS }], place), {
      batchSize: 128,
      mayBeZero: true,
    }),
    seed,
  }
}
