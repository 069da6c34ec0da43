/** Comparison of numeric literals by their digits: tuples would have to be as long as the widths. */

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
export type CompareWidths<A extends number, B extends number> = number extends A
  ? 'unknown'
  : number extends B
    ? 'unknown'
    : [IsCount<A>, IsCount<B>] extends [true, true]
      ? CompareDigits<`${A}`, `${B}`>
      : 'unknown'
