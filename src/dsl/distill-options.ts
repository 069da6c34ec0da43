/** Students and how they are distilled (docs/method.md, section 2). */
import { leastTeacherDepth, studentFits } from './loss-positions.js'
import type { DistillParams, TeacherNode } from './nodes.js'
import { COUNT, readNamed, type OptionReader } from './option-reader.js'
import { DISTILL_OPTIONS, TRAIN_OPTIONS, VIT_OPTIONS } from './option-tables.js'
import { namesOf, readOptions, type Options } from './options.js'
import type { Place } from './place.js'
import { readTrainParams, type TrainOptions } from './train-options.js'
import type { VitConfig } from './vit-config.js'
import { readVit, vitOnImages, type VitOptions } from './vit.js'

/** What all students share; each may say otherwise for itself. */
export interface DistillOptions extends Options<typeof DISTILL_OPTIONS>, TrainOptions {}

/**
 * A student: its shape and whatever it does otherwise than the others. Patches, image, channels and classes are always
 * its teacher's.
 */
export interface StudentOptions extends Omit<VitOptions, 'patchSize'>, Partial<DistillOptions> {}

/** What a student has from its teacher; written out, it must be the same. */
const INHERITED = ['imageSize', 'patchSize', 'channels', 'numClasses'] as const satisfies readonly (keyof VitConfig)[]

const checkModel = (options: OptionReader, model: VitConfig, teacher: VitConfig): void => {
  for (const key of INHERITED) {
    const value = options.number(key, COUNT, teacher[key])
    if (value !== teacher[key]) {
      options.fail('mismatch', key, `is ${value}, but its teacher's is ${teacher[key]}: write that, or nothing`)
    }
  }
  if (model.embedDim > teacher.embedDim) {
    const limit = teacher.embedDim
    options.fail(
      'mismatch',
      'embedDim',
      `is ${model.embedDim}, wider than its teacher's ${limit}: write ${limit} or less`,
    )
  }
}

const checkPositions = (
  options: OptionReader,
  { loss, positions }: Pick<DistillParams, 'loss' | 'positions'>,
  student: VitConfig,
  teacher: VitConfig,
): void => {
  // Only the losses on features look at blocks.
  if (loss === 'logits') return
  const chosen = options.has('positions') ? '' : ' by default'
  if (!studentFits(positions, student.depth)) {
    const up = Math.ceil(student.depth / 3) * 3
    options.fail(
      'mismatch',
      'depth',
      `is ${student.depth}, which cannot be cut in thirds for positions '${positions}'${chosen}: ` +
        `write ${up}, or positions: 'end'`,
    )
  }
  const least = leastTeacherDepth(positions, student.depth)
  if (teacher.depth < least) {
    options.fail(
      'mismatch',
      'positions',
      `is '${positions}'${chosen}, but its teacher has ${teacher.depth} blocks of the ${least} ` +
        `needed: write positions: 'end'`,
    )
  }
}

/** Matrices of the other direction are trained on the features that are compared; on logits alone there are none. */
const checkReverse = (
  options: OptionReader,
  { loss, transforms, reverseTransforms }: Pick<DistillParams, 'loss' | 'transforms' | 'reverseTransforms'>,
): void => {
  if (reverseTransforms && transforms === 'toTeacher') {
    options.fail(
      'mismatch',
      'reverseTransforms',
      "is true, but with transforms 'toTeacher' there are no others: leave it out",
    )
  }
  if (reverseTransforms && loss === 'logits') {
    options.fail(
      'mismatch',
      'reverseTransforms',
      "is true, but loss 'logits' compares no features: write loss: 'logits+rep'",
    )
  }
}

const readStudent = (
  options: OptionReader,
  { params: teacher, inputs }: TeacherNode,
  isNarrowest: boolean,
): DistillParams => {
  const { weightStart, ...shape } = readVit(options, teacher.model)
  const model = vitOnImages(options, { ...shape, patchSize: teacher.model.patchSize }, teacher.model)
  checkModel(options, model, teacher.model)
  const read = readOptions(DISTILL_OPTIONS, options, { isNarrowest })
  checkPositions(options, read, model, teacher.model)
  checkReverse(options, read)
  const train = readTrainParams(options, inputs.data.params)
  return { model, ...read, train, weightStart, seed: teacher.seed }
}

/** Complete parameters of every student, by name, in the order in which they were written. */
export const readStudents = (
  students: unknown,
  shared: unknown,
  teacher: TeacherNode,
  place?: Place,
): readonly (readonly [name: string, params: DistillParams])[] => {
  const known = [...namesOf(VIT_OPTIONS, DISTILL_OPTIONS, TRAIN_OPTIONS), ...INHERITED]
  const readers = readNamed('distill', students, known, shared, namesOf(DISTILL_OPTIONS, TRAIN_OPTIONS), place)
  const narrowest = Math.min(...readers.map(([, options]) => options.number('embedDim', COUNT)))
  return readers.map(([name, options]) => [
    name,
    readStudent(options, teacher, options.number('embedDim', COUNT) === narrowest),
  ])
}
