/** What is known of an error from anywhere: its sentence, and Node's code. */
import { inspect } from 'node:util'

/** The code of an error of Node's, such as `ENOENT`; undefined for any other. */
export const errorCode = (cause: unknown): string | undefined => {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** A property of whatever was thrown; undefined where reading it throws. */
export const partOfThrown = (thrown: unknown, name: string): unknown => {
  try {
    return Reflect.get(Object(thrown) as object, name)
  } catch {
    return undefined
  }
}

/** Whether it has a message, as errors have: one of another realm is no `Error` of this one. */
export const isErrorLike = (thrown: unknown): boolean => typeof partOfThrown(thrown, 'message') === 'string'

/** In one line of 200 letters at most, without running any code of its own. */
const inspected = (thrown: unknown): string => {
  try {
    const options = { depth: 1, breakLength: Infinity, maxArrayLength: 5, maxStringLength: 100, customInspect: false }
    const text = inspect(thrown, options).replace(/\s*\n\s*/g, ' ')
    return text.length <= 200 ? text : `${text.slice(0, 200)}…`
  } catch {
    return 'something that cannot be shown'
  }
}

/** Its message, or the text that was thrown; of anything that says nothing itself, that it was thrown. */
export const sentenceOf = (thrown: unknown): string => {
  const said = typeof thrown === 'string' ? thrown : partOfThrown(thrown, 'message')
  if (typeof said === 'string' && said.trim() !== '') return said
  if (!isErrorLike(thrown)) return `threw ${inspected(thrown)}, which is no Error`
  const name = partOfThrown(thrown, 'name')
  const called = typeof name === 'string' && name !== '' ? name : 'Error'
  const parts = Object.getOwnPropertyNames(thrown).filter(
    (part) => !/^(name|message|stack|cause|errors|_tag)$/.test(part),
  )
  const values = Object.fromEntries(parts.map((part) => [part, partOfThrown(thrown, part)]))
  const having = parts.length === 0 ? '' : `, with ${inspected(values)}`
  return `threw ${/^[aeiou]/i.test(called) ? 'an' : 'a'} ${called} without a message${having}`
}
