/** In a worker: what was thrown, whatever it is, as it is told to people, with its place in the user's own files. */
import { isErrorLike, partOfThrown, sentenceOf } from '../../base/errors.js'
import { type Place, usersFrame } from '../../dsl/place.js'
import { stackInSource } from '../code/source-place.js'
import type { ThrownError } from '../errors.js'

/** Frames that stacks keep: between a stage's function and what throws, a package may put many of its own. */
export const keptFrames = 50

/** Causes that are told at most, of one error and of all behind it. */
const mostCauses = 20

/** Letters of a message and of a stack at most. */
const longestText = 10_000

const shortened = (text: string): string => (text.length <= longestText ? text : `${text.slice(0, longestText)}…`)

/** The stack down to the last frame in the user's own files, and the place of the first. */
const stackOf = (thrown: unknown): Pick<ThrownError, 'place' | 'stack'> => {
  const [stack, message] = [partOfThrown(thrown, 'stack'), partOfThrown(thrown, 'message')]
  if (typeof stack !== 'string') return {}
  const lines = stackInSource(stack).split('\n')
  // A message may quote a stack of something else.
  const first = typeof message === 'string' && stack.includes(message) ? message.split('\n').length : 1
  const frames = lines.map((line, index) => (index < first ? undefined : usersFrame(line)))
  const place = frames.find((frame) => frame !== undefined)
  if (place === undefined) return { stack: shortened(lines.join('\n')) }
  const end = frames.findLastIndex((frame) => frame !== undefined) + 1
  return { place, stack: shortened(lines.slice(0, end).join('\n')) }
}

/** Its cause, and the errors that an AggregateError gathers. */
const causesOf = (thrown: unknown): readonly unknown[] => {
  if (!isErrorLike(thrown)) return []
  const [cause, errors] = [partOfThrown(thrown, 'cause'), partOfThrown(thrown, 'errors')]
  return [...(cause === undefined || cause === null ? [] : [cause]), ...(Array.isArray(errors) ? errors : [])]
}

/** Of itself, else of what caused it: a package may have made another error of the user's. */
const placeIn = ({ place, causes = [] }: ThrownError): Place | undefined => {
  if (place !== undefined) return place
  for (const cause of causes) {
    const found = placeIn(cause)
    if (found !== undefined) return found
  }
  return undefined
}

export const describeThrown = (thrown: unknown): ThrownError => {
  const seen = new Set<unknown>()
  let left = mostCauses
  const describe = (each: unknown): ThrownError => {
    seen.add(each)
    const causes: ThrownError[] = []
    const all = causesOf(each)
    for (const [index, cause] of all.entries()) {
      // An error that is its own cause.
      if (typeof cause === 'object' && seen.has(cause)) continue
      if (left === 0) {
        causes.push({ message: `and ${all.length - index} more` })
        break
      }
      left -= 1
      causes.push(describe(cause))
    }
    return {
      message: shortened(sentenceOf(each)),
      ...stackOf(each),
      ...(causes.length === 0 ? {} : { causes }),
    }
  }
  const told = describe(thrown)
  const place = placeIn(told)
  return { ...told, ...(place === undefined ? {} : { place }) }
}
