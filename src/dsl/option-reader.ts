import { isObject } from '../base/objects.js'
import { DefinitionError, type DefinitionProblem } from './definition-error.js'
import { checkDistinctNames, checkName, closest } from './names.js'
import type { Place } from './place.js'

/** One object of options and the names that it may hold. */
interface OptionLayer {
  readonly path: string
  readonly options: unknown
  readonly known: readonly string[]
}

/** What a number must be, as a test and in words. */
export interface NumberRule {
  readonly test: (value: number) => boolean
  readonly words: string
}

const integer = (least: number): NumberRule => ({
  test: (value) => Number.isSafeInteger(value) && value >= least,
  words: `a whole number, ${least} or more`,
})

export const COUNT = integer(1)

export const COUNT_OR_ZERO = integer(0)

export const POSITIVE: NumberRule = { test: (value) => value > 0, words: 'a finite number above 0' }

export const NOT_NEGATIVE: NumberRule = { test: (value) => value >= 0, words: 'a finite number, 0 or more' }

export const FRACTION: NumberRule = { test: (value) => value >= 0 && value <= 1, words: 'a number from 0 to 1' }

export const BELOW_ONE: NumberRule = { test: (value) => value >= 0 && value < 1, words: 'a number from 0 to below 1' }

/** A value as it would be written in a definition, cut short. */
export const shown = (value: unknown): string => {
  if (typeof value === 'function') return 'a function'
  const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : undefined
  const written = text ?? (typeof value === 'string' ? JSON.stringify(value) : String(value))
  return written.length > 60 ? `${written.slice(0, 57)}...` : written
}

/**
 * Reads options that may come from several layers, the first that has a key winning (a student's own options before
 * those that all students share). Every error names the layer that the value came from.
 */
export class OptionReader {
  readonly #layers: readonly (Omit<OptionLayer, 'options'> & { readonly values: Readonly<Record<string, unknown>> })[]
  readonly place: Place | undefined

  constructor(layers: readonly OptionLayer[], place?: Place) {
    this.place = place
    this.#layers = layers.map(({ path, options, known }) => {
      const values = options ?? {}
      if (!isObject(values)) {
        throw new DefinitionError('wrongType', `${path} is ${shown(options)}: write an object of options`, place)
      }
      const stranger = Object.keys(values).find((key) => !known.includes(key))
      if (stranger !== undefined) {
        const meant = closest(stranger, known)
        const advice = meant === undefined ? `write one of ${known.join(', ')}` : `did you mean ${meant}?`
        throw new DefinitionError('unknownOption', `${path}.${stranger} is not an option: ${advice}`, place)
      }
      return { path, known, values }
    })
  }

  #layerWith(key: string) {
    return this.#layers.find(({ values }) => Object.hasOwn(values, key) && values[key] !== undefined)
  }

  /** The option's full name, in the layer that gives it, else in the first that may: `distill.tiny.alpha`. */
  path(key: string): string {
    const layer = this.#layerWith(key) ?? this.#layers.find(({ known }) => known.includes(key))
    return `${(layer ?? this.#layers[0]!).path}.${key}`
  }

  value(key: string): unknown {
    return this.#layerWith(key)?.values[key]
  }

  /** A reader of the options that one of these holds. */
  within(key: string, known: readonly string[], options: unknown = this.value(key)): OptionReader {
    return new OptionReader([{ path: this.path(key), options, known }], this.place)
  }

  has(key: string): boolean {
    return this.value(key) !== undefined
  }

  /** `what` follows the option's name: `is 5, which does not divide 24: write …`. */
  fail(problem: DefinitionProblem, key: string, what: string): never {
    throw new DefinitionError(problem, `${this.path(key)} ${what}`, this.place)
  }

  /** A required option that no layer gives is wanted in the last that may: `distill.epochs`, for all students. */
  #missing(key: string, words: string): never {
    const layer = this.#layers.findLast(({ known }) => known.includes(key)) ?? this.#layers[0]!
    throw new DefinitionError('missing', `${layer.path}.${key} is missing: write ${words}`, this.place)
  }

  /** Without a `fallback` the option is required. */
  number(key: string, rule: NumberRule, fallback?: number): number {
    const value = this.value(key) ?? (this.value(key) === null ? null : fallback)
    if (value === undefined) return this.#missing(key, rule.words)
    if (typeof value !== 'number') return this.fail('wrongType', key, `is ${shown(value)}: write ${rule.words}`)
    if (!Number.isFinite(value) || !rule.test(value)) {
      return this.fail('outOfRange', key, `is ${value}: write ${rule.words}`)
    }
    // −0 and 0 are one value, and must be one identity.
    return value + 0
  }

  numberOrNull(key: string, rule: NumberRule): number | null {
    return this.value(key) === null || !this.has(key) ? null : this.number(key, rule)
  }

  choice<const Choice extends string>(key: string, choices: readonly Choice[], fallback?: Choice): Choice {
    const value = this.has(key) ? this.value(key) : fallback
    const found = choices.find((choice) => choice === value)
    if (found !== undefined) return found
    const list = choices.map((choice) => `'${choice}'`).join(' or ')
    if (value === undefined) return this.#missing(key, list)
    const meant = typeof value === 'string' ? closest(value, choices) : undefined
    const advice = meant === undefined ? `write ${list}` : `did you mean '${meant}'? (it may be ${list})`
    return this.fail('notAChoice', key, `is ${shown(value)}: ${advice}`)
  }

  /** A list of some of the choices, in their order, each once. */
  choices<const Choice extends string>(
    key: string,
    choices: readonly Choice[],
    fallback: readonly Choice[],
  ): readonly Choice[] {
    const value = this.has(key) ? this.value(key) : fallback
    const list = choices.map((choice) => `'${choice}'`).join(', ')
    if (!Array.isArray(value)) return this.fail('wrongType', key, `is ${shown(value)}: write a list of ${list}`)
    const stranger: unknown = value.find((each: unknown) => !choices.some((choice) => choice === each))
    if (stranger !== undefined) {
      const meant = typeof stranger === 'string' ? closest(stranger, choices) : undefined
      const advice = meant === undefined ? `write some of ${list}` : `did you mean '${meant}'?`
      return this.fail('notAChoice', key, `has ${shown(stranger)}: ${advice}`)
    }
    return choices.filter((choice) => value.includes(choice))
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.has(key) ? this.value(key) : fallback
    return typeof value === 'boolean' ? value : this.fail('wrongType', key, `is ${shown(value)}: write true or false`)
  }

  text(key: string): string {
    const value = this.value(key)
    if (value === undefined) return this.#missing(key, 'a text')
    if (typeof value === 'string' && value !== '') return value
    return this.fail('wrongType', key, `is ${shown(value)}: write a text that is not empty`)
  }
}

/** Readers of several models' options by name, in the order written; what all share is the second layer of each. */
export const readNamed = (
  step: string,
  models: unknown,
  known: readonly string[],
  shared: unknown,
  sharedKnown: readonly string[],
  place?: Place,
): readonly (readonly [name: string, options: OptionReader])[] => {
  const [what, example] =
    step === 'distill'
      ? ['student', '{ tiny: { embedDim, depth, numHeads } }']
      : ['model', '{ small: { embedDim, depth, numHeads } }']
  if (typeof models !== 'object' || models === null || Array.isArray(models)) {
    throw new DefinitionError('wrongType', `${step} has ${shown(models)} for its ${what}s: write ${example}`, place)
  }
  const names = Object.keys(models).map((name) => checkName(`${step}: the name of a ${what}`, name, place))
  if (names.length === 0) {
    throw new DefinitionError('empty', `${step} has no ${what}: write at least ${example}`, place)
  }
  checkDistinctNames(step, names, place)
  return Object.entries(models).map(([name, options]: [string, unknown]) => [
    name,
    new OptionReader(
      [
        // null would read as "no options" and report a missing embedDim.
        { path: `${step}.${name}`, options: options ?? {}, known },
        { path: step, options: shared, known: sharedKnown },
      ],
      place,
    ),
  ])
}
