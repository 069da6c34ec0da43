/** What is common to the libraries whose models are read: what each makes of a configuration and of names. */
import type { VitConfig } from '../../dsl/vit-config.js'
import { ModelFileError } from '../model/model-file-error.js'

/** Shapes of all tensors of a checkpoint, by name. */
export type TensorShapes = ReadonlyMap<string, readonly number[]>

/** What the weights' own library does to an image before the model reads it. */
export interface Preprocessing {
  /** Of each channel, of pixels scaled to [0, 1]; undefined where no file says so. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /** Share of the resized image's side that is kept. */
  readonly crop?: number
  readonly interpolation?: string
}

/** A model as its library describes it. */
export interface DescribedModel extends Preprocessing {
  /** `numClasses` is 0 where the weights have no head. */
  readonly config: VitConfig
  readonly classNames?: readonly string[]
  /** The tensors of the file that make up this one of the model, joined along their first axis. */
  readonly namesOf: (tensor: string) => readonly string[]
}

/** Reads fields of a JSON object, and refuses what it does not understand by the field's name. */
export class ConfigFields {
  readonly path: string
  readonly #values: Readonly<Record<string, unknown>>
  readonly #prefix: string

  constructor(path: string, values: Readonly<Record<string, unknown>>, prefix = '') {
    this.path = path
    this.#values = values
    this.#prefix = prefix
  }

  get names(): readonly string[] {
    return Object.keys(this.#values)
  }

  fail(name: string, words: string): never {
    throw new ModelFileError(`${this.path}: ${this.#prefix}${name} ${words}`)
  }

  value(name: string): unknown {
    return Object.hasOwn(this.#values, name) ? (this.#values[name] ?? undefined) : undefined
  }

  /** The fields of an object in a field; none where it is left out. */
  within(name: string): ConfigFields {
    const value = this.value(name) ?? {}
    if (typeof value !== 'object' || Array.isArray(value)) return this.fail(name, 'is no object')
    return new ConfigFields(this.path, value as Readonly<Record<string, unknown>>, `${this.#prefix}${name}.`)
  }

  number(name: string, fallback?: number): number {
    const value = this.value(name) ?? fallback
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
    return this.fail(name, value === undefined ? 'is missing' : `is ${JSON.stringify(value)}, not a number, 0 or more`)
  }

  count(name: string, fallback?: number): number {
    const value = this.number(name, fallback)
    return Number.isSafeInteger(value) && value > 0 ? value : this.fail(name, `is ${value}, not a whole number above 0`)
  }

  /** A side in pixels; a pair must be of equal ones. */
  side(name: string, fallback?: number): number {
    const value = this.value(name)
    if (!Array.isArray(value)) return this.count(name, fallback)
    if (value.length === 2 && value[0] === value[1])
      return new ConfigFields(this.path, { [name]: value[0] }).count(name)
    return this.fail(name, `is ${JSON.stringify(value)}: only square images and patches are supported`)
  }

  /** Throws where the field is there and is something else. */
  mustBe(name: string, ...allowed: readonly unknown[]): void {
    const value = this.value(name)
    if (value === undefined || allowed.includes(value)) return
    this.fail(
      name,
      `is ${JSON.stringify(value)}, and only ${allowed.map((each) => JSON.stringify(each)).join(' or ')} is supported`,
    )
  }

  /** One positive number a channel; undefined where the field is left out. */
  channels(name: string): readonly number[] | undefined {
    const value = this.value(name)
    if (value === undefined) return undefined
    if (Array.isArray(value) && value.every((each) => Number.isFinite(each))) return value as readonly number[]
    return this.fail(name, `is ${JSON.stringify(value)}, not a number for each channel`)
  }
}

/** Side of a square of `count` patches; undefined where they form none. */
export const squareSide = (count: number): number | undefined => {
  const side = Math.round(Math.sqrt(count))
  return side > 0 && side * side === count ? side : undefined
}
