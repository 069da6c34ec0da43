import { COUNT, FRACTION, type OptionReader, POSITIVE, readNamed } from './option-reader.js'
import type { DistillParams, TeacherParams } from './nodes.js'
import type { Place } from './place.js'
import { leastTeacherDepth, studentFits } from './loss-positions.js'
import { readTrainParams, TRAIN_OPTIONS, type TrainOptions } from './train-options.js'
import type { VitConfig } from './vit-config.js'
import { readShape, readWeightStart, VIT_OPTIONS, type VitOptions } from './vit.js'

type LossOptions = Partial<
  Pick<
    DistillParams,
    | 'positions'
    | 'loss'
    | 'alpha'
    | 'temperature'
    | 'softReduction'
    | 'transforms'
    | 'trainTransforms'
    | 'reverseTransforms'
  >
>

/**
 * What all students share; each may say otherwise for itself. Defaults (docs/method.md, section 2): `loss` `'all'`, `alpha` 0.1
 * (0.5 for `'logits'` and `'logits+rep'`), `temperature` 1, `softReduction` `'elementMean'`, `transforms` `'toStudent'`, `trainTransforms` true,
 * `reverseTransforms` false, `positions` `'front+end'` for students of the least width and `'end'` for the others.
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
  'transforms',
  'trainTransforms',
  'reverseTransforms',
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
  const choices = ['end', 'mid+end', 'front+end', 'every'] as const
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
  const least = leastTeacherDepth(positions, student.depth)
  if (teacher.depth < least) {
    options.fail(
      'mismatch',
      'positions',
      `is '${positions}'${chosen}, but its teacher has ${teacher.depth} blocks of the ${least} needed: write positions: 'end'`,
    )
  }
  return { loss, positions }
}

/** Matrices of the other direction are trained on the features that are compared; on logits alone there are none. */
const readReverse = (
  options: OptionReader,
  loss: DistillParams['loss'],
  transforms: DistillParams['transforms'],
): boolean => {
  const wanted = options.boolean('reverseTransforms', false)
  if (wanted && transforms === 'toTeacher') {
    options.fail(
      'mismatch',
      'reverseTransforms',
      "is true, but with transforms 'toTeacher' there are no others: leave it out",
    )
  }
  if (wanted && loss === 'logits') {
    options.fail(
      'mismatch',
      'reverseTransforms',
      "is true, but loss 'logits' compares no features: write loss: 'logits+rep'",
    )
  }
  return wanted
}

const readStudent = (options: OptionReader, teacher: TeacherParams, isNarrowest: boolean): DistillParams => {
  const model = readModel(options, teacher.model)
  const { loss, positions } = readPositions(options, model, teacher.model, isNarrowest)
  const transforms = options.choice('transforms', ['toStudent', 'toTeacher'], 'toStudent')
  return {
    model,
    positions,
    loss,
    alpha: options.number('alpha', FRACTION, loss === 'all' ? 0.1 : 0.5),
    temperature: options.number('temperature', POSITIVE, 1),
    softReduction: options.choice('softReduction', ['batchMean', 'elementMean'], 'elementMean'),
    transforms,
    trainTransforms: options.boolean('trainTransforms', true),
    reverseTransforms: readReverse(options, loss, transforms),
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
  const readers = readNamed('distill', students, STUDENT_OPTIONS, shared, SHARED_OPTIONS, place)
  const narrowest = Math.min(...readers.map(([, options]) => options.number('embedDim', COUNT)))
  return readers.map(([name, options]) => [
    name,
    readStudent(options, teacher, options.number('embedDim', COUNT) === narrowest),
  ])
}
