/**
 * What the compiler refuses in a definition, with a sentence that says what to write: the parameter's type becomes one
 * that nothing fits and that carries the sentence in its name.
 */
import type { AnchorOptions, Anchors } from './anchor-options.js'
import { DefinitionError } from './definition-error.js'
import type { StudentOptions } from './distill-options.js'
import { placeOfCall } from './place.js'
import type { PretrainedSpec } from './pretrained.js'

declare const misuse: unique symbol

/** Nothing has this type; compilers print its name, and with it the sentence (and what may be written instead). */
export interface DefinitionMisuse<Sentence extends string, Allowed = never> {
  readonly [misuse]: readonly [Sentence, Allowed]
}

/** Each step and what must come before it. */
const ORDER = {
  teacher: 'a teacher needs data: write .data(mnist()) before .teacher(...)',
  distill: 'distil needs a teacher: write .teacher(vit({ ... }), { epochs }) before .distill(...)',
  anchors: 'anchors need data: write .data(mnist()) before .anchors(...)',
  singles: 'models need data: write .data(mnist()) before .singles(...)',
  pool: 'a pool needs students: write .distill({ ... }, { epochs }) before .pool()',
  stitch: 'stitch needs a pool: write .pool() before .stitch(...)',
  latency: 'latency needs stitched models: write .stitch({ from, to }, { epochs }) before .latency()',
  evaluate: 'evaluate needs stitched models: write .stitch({ from, to }, { epochs }) before .evaluate()',
} as const

/**
 * A step that cannot be written yet: for the compiler no function at all, and at run time, for those without a
 * compiler, a function that throws the sentence.
 */
export const tooEarly = <Step extends keyof typeof ORDER>(step: Step): DefinitionMisuse<(typeof ORDER)[Step]> => {
  const refuse = (): never => {
    throw new DefinitionError('outOfOrder', ORDER[step], placeOfCall())
  }
  return refuse as unknown as DefinitionMisuse<(typeof ORDER)[Step]>
}

// Widths are compared digit by digit: the usual comparison, by tuples, would need tuples as long as the widths.

type CompareDigit<A extends string, B extends string> = A extends B
  ? 'equal'
  : '0123456789' extends `${string}${A}${string}${B}${string}`
    ? 'less'
    : 'greater'

/** A longer number is greater; among equally long ones the first digit that differs decides. */
type CompareDigits<A extends string, B extends string, SoFar = 'equal'> = A extends `${infer HeadA}${infer TailA}`
  ? B extends `${infer HeadB}${infer TailB}`
    ? CompareDigits<TailA, TailB, SoFar extends 'equal' ? CompareDigit<HeadA, HeadB> : SoFar>
    : 'greater'
  : B extends ''
    ? SoFar
    : 'less'

/** A sign, a fraction or an exponent: no width, so the check at definition time decides. */
type IsCount<N extends number> = `${N}` extends `${string}${'-' | '.' | 'e'}${string}` ? false : true

/** How A compares with B, `unknown` unless both are literals of natural numbers. */
type CompareWidths<A extends number, B extends number> = number extends A
  ? 'unknown'
  : number extends B
    ? 'unknown'
    : [IsCount<A>, IsCount<B>] extends [true, true]
      ? CompareDigits<`${A}`, `${B}`>
      : 'unknown'

/** Students by name. */
export type Students = { readonly [name: string]: StudentOptions }

/** Names of students and their widths, as literals where they were written as literals. */
export type Widths = { readonly [name: string]: number }

export type WidthsOf<S extends { readonly [name: string]: { readonly embedDim: number } }> = {
  readonly [Name in keyof S]: S[Name]['embedDim']
}

type CheckStudent<Student extends StudentOptions, TeacherWidth extends number> = {
  readonly [Key in keyof Student]: Key extends 'embedDim'
    ? CompareWidths<Student['embedDim'], TeacherWidth> extends 'greater'
      ? DefinitionMisuse<`a student is not wider than its teacher: write an embedDim of ${TeacherWidth} or less`>
      : unknown
    : Key extends keyof StudentOptions
      ? unknown
      : DefinitionMisuse<`'${Key & string}' is not an option of a student`>
}

/**
 * Fits where `S` is a set of students that a teacher of this width can have. With `StudentOptions`, because of an
 * inferred type alone editors would show no option's sentence.
 */
export type CheckStudents<S extends Students, TeacherWidth extends number> = [keyof S] extends [never]
  ? DefinitionMisuse<'distil needs at least one student: write { tiny: { embedDim, depth, numHeads } }'>
  : { readonly [Name in keyof S]: StudentOptions & CheckStudent<S[Name], TeacherWidth> }

/** Fits every set of anchors; of the inferred type alone editors would show no option's sentence. */
export type CheckAnchors<A extends Anchors> = {
  readonly [Name in keyof A]: A[Name] extends PretrainedSpec ? PretrainedSpec : AnchorOptions
}

/** Any text; editors offer the students' names. */
export type NameOf<W extends Widths> = (keyof W & string) | (string & {})

/** `unknown` where a student is called so. */
export type CheckName<W extends Widths, Name extends string> = Name extends keyof W
  ? unknown
  : DefinitionMisuse<`there is no student '${Name}' in the pool; write one of`, keyof W>

/** `unknown` where `To` is a student wider than `From`. */
export type CheckTarget<W extends Widths, From extends string, To extends string> = To extends keyof W
  ? From extends keyof W
    ? string extends From | To
      ? unknown
      : [From, To] extends [To, From]
        ? DefinitionMisuse<`'${From}' cannot be stitched to itself; write the name of a wider student`>
        : CheckDirection<From, To, W[From], W[To]>
    : unknown
  : CheckName<W, To>

type NarrowToWide = 'stitch goes from narrow to wide'
type Sized<Name extends string, Width extends number> = `'${Name}' (${Width})`
type WriteOthers = 'write two students of different embedDim'
type Rewrite<From extends string, To extends string> = `write from: '${From}', to: '${To}'`

/** `A` and `B` are the widths of `From` and `To`. */
type CheckDirection<From extends string, To extends string, A extends number, B extends number> =
  CompareWidths<A, B> extends infer Order
    ? [Order] extends ['greater']
      ? DefinitionMisuse<`${NarrowToWide}, and ${Sized<From, A>} is wider than ${Sized<To, B>}: ${Rewrite<To, From>}`>
      : [Order] extends ['equal']
        ? DefinitionMisuse<`${NarrowToWide}, and '${From}' and '${To}' are equally wide (${A}): ${WriteOthers}`>
        : unknown
    : never
