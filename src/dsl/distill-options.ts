import { DefinitionError } from './definition-error.js'
import { checkDistinctNames, checkName } from './names.js'
import type { DistillParams, TeacherParams } from './nodes.js'
import { COUNT, FRACTION, OptionReader, POSITIVE, shown } from './option-reader.js'
import type { Place } from './nodes.js'
import { leastTeacherDepth, studentFits } from './positions.js'
import { readTrainParams, TRAIN_OPTIONS, type TrainOptions } from './train-options.js'
import type { VitConfig } from './vit-config.js'
import { readShape, VIT_OPTIONS, type VitOptions } from './vit.js'
import { readWeightStart } from './weight-start.js'

type LossOptions = Partial<
  Pick<DistillParams, 'positions' | 'loss' | 'alpha' | 'temperature' | 'softReduction' | 'trainTransforms'>
>

/**
 * What all students share; each may say otherwise for itself. Defaults (docs/method.md, section 2): `loss` `'all'`, `alpha` 0.1
 * (0.5 for `'logits'` and `'logits+rep'`), `temperature` 1, `softReduction` `'elementMean'`, `trainTransforms` true,
 * `positions` `'front+end'` for students of the least width and `'end'` for the others.
 */
export type DistillOptions = LossOptions & TrainOptions

/**
 * A student: its shape and whatever it does otherwise than the others. `mlpRatio` and `layerNormEps` are the teacher's
 * unless given; patches, image, channels and classes are always the teacher's.
 */
export type StudentOptions = Omit<VitOptions, 'patchSize'> & LossOptions & Partial<TrainOptions>

const LOSS_OPTIONS = [
  'positions',
  'loss',
  'alpha',
  'temperature',
  'softReduction',
  'trainTransforms',
] as const satisfies readonly (keyof LossOptions)[]

/** What a student has from its teacher; written out, it must be the same. */
const INHERITED = ['imageSize', 'patchSize', 'channels', 'numClasses'] as const satisfies readonly (keyof VitConfig)[]

const STUDENT_OPTIONS = [...VIT_OPTIONS, ...LOSS_OPTIONS, ...TRAIN_OPTIONS, ...INHERITED]
const SHARED_OPTIONS = [...LOSS_OPTIONS, ...TRAIN_OPTIONS]

const readModel = (options: OptionReader, teacher: VitConfig): VitConfig => {
  for (const key of INHERITED) {
    const value = options.number(key, COUNT, teacher[key])
    if (value !== teacher[key]) {
      options.fail('mismatch', key, `is ${value}, but its teacher's is ${teacher[key]}: write that, or nothing`)
    }
  }
  const shape = readShape(options, teacher.mlpRatio)
  if (shape.embedDim > teacher.embedDim) {
    const limit = teacher.embedDim
    options.fail(
      'mismatch',
      'embedDim',
      `is ${shape.embedDim}, wider than its teacher's ${limit}: write ${limit} or less`,
    )
  }
  return { ...teacher, ...shape, layerNormEps: options.number('layerNormEps', POSITIVE, teacher.layerNormEps) }
}

const readPositions = (options: OptionReader, student: VitConfig, teacher: VitConfig, isNarrowest: boolean) => {
  const loss = options.choice('loss', ['all', 'logits', 'logits+rep'], 'all')
  const choices = ['end', 'mid+end', 'front+end'] as const
  const positions = options.choice('positions', choices, isNarrowest ? 'front+end' : 'end')
  // Only the losses on features look at blocks.
  if (loss === 'logits') return { loss, positions }
  const chosen = options.has('positions') ? '' : ' by default'
  if (!studentFits(positions, student.depth)) {
    const up = Math.ceil(student.depth / 3) * 3
    options.fail(
      'mismatch',
      'depth',
      `is ${student.depth}, which cannot be cut in thirds for positions '${positions}'${chosen}: write ${up}, or positions: 'end'`,
    )
  }
  const least = leastTeacherDepth(positions)
  if (teacher.depth < least) {
    options.fail(
      'mismatch',
      'positions',
      `is '${positions}'${chosen}, but its teacher has ${teacher.depth} blocks of the ${least} needed: write positions: 'end'`,
    )
  }
  return { loss, positions }
}

const readStudent = (options: OptionReader, teacher: TeacherParams, isNarrowest: boolean): DistillParams => {
  const model = readModel(options, teacher.model)
  const { loss, positions } = readPositions(options, model, teacher.model, isNarrowest)
  return {
    model,
    positions,
    loss,
    alpha: options.number('alpha', FRACTION, loss === 'all' ? 0.1 : 0.5),
    temperature: options.number('temperature', POSITIVE, 1),
    softReduction: options.choice('softReduction', ['batchMean', 'elementMean'], 'elementMean'),
    trainTransforms: options.boolean('trainTransforms', true),
    train: readTrainParams(options, { batchSize: 64, mayBeZero: false }),
    weightStart: readWeightStart(options, model.embedDim),
    seed: teacher.seed,
  }
}

/** Complete parameters of every student, by name, in the order in which they were written. */
export const readStudents = (
  students: unknown,
  shared: unknown,
  teacher: TeacherParams,
  place?: Place,
): readonly (readonly [name: string, params: DistillParams])[] => {
  if (typeof students !== 'object' || students === null || Array.isArray(students)) {
    const advice = 'write { tiny: { embedDim, depth, numHeads } }'
    throw new DefinitionError('wrongType', `distill has ${shown(students)} for its students: ${advice}`, place)
  }
  const names = Object.keys(students).map((name) => checkName(`distill: the name of a student`, name, place))
  if (names.length === 0) {
    const advice = 'write at least { tiny: { embedDim, depth, numHeads } }'
    throw new DefinitionError('empty', `distill has no student: ${advice}`, place)
  }
  checkDistinctNames('distill', names, place)
  const readers = Object.entries(students).map(
    ([name, options]: [string, unknown]) =>
      [
        name,
        new OptionReader(
          [
            // null would read as "no options" and report a missing embedDim.
            { path: `distill.${name}`, options: options ?? {}, known: STUDENT_OPTIONS },
            { path: 'distill', options: shared, known: SHARED_OPTIONS },
          ],
          place,
        ),
      ] as const,
  )
  const narrowest = Math.min(...readers.map(([, options]) => options.number('embedDim', COUNT)))
  return readers.map(([name, options]) => [
    name,
    readStudent(options, teacher, options.number('embedDim', COUNT) === narrowest),
  ])
}
