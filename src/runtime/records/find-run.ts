/** The recorded run that a word on the command line means: its id, the beginning of it, or a tag. */
import * as Effect from 'effect/Effect'
import { UsageError } from '../errors.js'
import { readRun, recordedRuns } from './run-log.js'
import { readTags } from './run-tags.js'

/** Shorter beginnings are likely to be typing mistakes. */
const shortest = 4
const mostListed = 5

/** Undefined where nothing is called so. Fails with a UsageError where several are, or where a tagged run is gone. */
export const findRun = Effect.fnUntraced(function* (word: string) {
  const own = yield* readRun(word)
  if (own !== undefined) return own
  const tagged = (yield* readTags()).get(word)
  if (tagged !== undefined) {
    const record = yield* readRun(tagged)
    if (record !== undefined) return record
    return yield* new UsageError({ message: `the tag '${word}' is of run ${tagged}, whose record is gone` })
  }
  if (word.length < shortest) return undefined
  const [run, ...others] = (yield* recordedRuns()).filter((id) => id.startsWith(word))
  if (run === undefined) return undefined
  if (others.length === 0) return yield* readRun(run)
  const names = [run, ...others]
  const listed = names.slice(0, mostListed).join(', ')
  return yield* new UsageError({
    message: `${names.length} runs begin with '${word}'`,
    hint: `name one of ${listed}${names.length > mostListed ? `, … (genepool runs lists them)` : ''}`,
  })
})

/** The same, where it has to be there. `store` is what the user calls the store. */
export const runCalled = Effect.fnUntraced(function* (word: string, store: string) {
  const record = yield* findRun(word)
  if (record !== undefined) return record
  return yield* new UsageError({
    message: `there is no run '${word}' in ${store}`,
    hint: `genepool runs --store ${store} lists the runs and their tags`,
  })
})
