import type { CompareWidths } from './compare-widths.js'
import type { StudentOptions } from './distill-options.js'
import type { DefinitionMisuse } from './misuse.js'

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

/** `unknown` where `S` is a set of students that a teacher of this width can have. */
export type CheckStudents<S extends Students, TeacherWidth extends number> = [keyof S] extends [never]
  ? DefinitionMisuse<'distil needs at least one student: write { tiny: { embedDim, depth, numHeads } }'>
  : { readonly [Name in keyof S]: CheckStudent<S[Name], TeacherWidth> }

/** Any text, yet editors offer the students' names. */
export type NameOf<W extends Widths> = (keyof W & string) | (string & {})

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

type CheckDirection<From extends string, To extends string, WidthFrom extends number, WidthTo extends number> =
  CompareWidths<WidthFrom, WidthTo> extends infer Order
    ? [Order] extends ['greater']
      ? DefinitionMisuse<`stitch goes from narrow to wide, and '${From}' (${WidthFrom}) is wider than '${To}' (${WidthTo}): write from: '${To}', to: '${From}'`>
      : [Order] extends ['equal']
        ? DefinitionMisuse<`stitch goes from narrow to wide, and '${From}' and '${To}' are equally wide (${WidthFrom}): write two students of different embedDim`>
        : unknown
    : never
