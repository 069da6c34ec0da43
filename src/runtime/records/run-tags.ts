/** Names that people give to runs: one file a name in the store's `tags/`, which holds the run's id. */
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import { readTextIfThere, writeFileAtomic } from '../../base/files.js'
import { type StoreError, storeErrorOf, UsageError } from '../errors.js'
import { Store } from '../store/store.js'

const isRunId = (word: string): boolean => /^\d{8}-\d{6}-/.test(word)

/** A file name on every system, and never to be taken for a run's id or a flag. */
const isTagName = (name: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) && !name.endsWith('.') && !name.endsWith('.tmp') && !isRunId(name)

const attempt = <A>(store: Store['Service'], what: string, run: () => A): Effect.Effect<A, StoreError> =>
  Effect.try({
    try: run,
    catch: storeErrorOf(`cannot ${what} the store ${store.root}`),
  })

/** Tag → run, by name. A file that is no tag's is passed over. */
export const readTags = Effect.fnUntraced(function* () {
  const store = yield* Store
  return yield* attempt(store, 'read', (): ReadonlyMap<string, string> => {
    const folder = store.place('tags')
    if (!fs.existsSync(folder)) return new Map()
    return new Map(
      fs
        .readdirSync(folder)
        .filter(isTagName)
        .sort()
        .map((name) => [name, (readTextIfThere(store.place('tags', name)) ?? '').trim()] as const)
        .filter(([, run]) => run !== ''),
    )
  })
})

/** Fails with a UsageError where the name is no good, or another run's. */
export const addTag = Effect.fnUntraced(function* (name: string, run: string) {
  const store = yield* Store
  if (!isTagName(name)) {
    return yield* new UsageError({
      message: `'${name}' cannot be a run's tag`,
      hint:
        'a tag is up to 64 letters, digits, dots, dashes and underscores, ' +
        'begins with a letter or a digit and is no run id',
    })
  }
  const other = (yield* readTags()).get(name)
  if (other === run) return undefined
  if (other !== undefined) {
    return yield* new UsageError({
      message: `the tag '${name}' is run ${other}'s`,
      hint: `genepool runs untag ${name} takes it away`,
    })
  }
  yield* attempt(store, 'write to', () => writeFileAtomic(store.place('tags', name), run))
  return undefined
})

/** The run that had the tag. Fails with a UsageError where there is no such tag. */
export const removeTag = Effect.fnUntraced(function* (name: string) {
  const store = yield* Store
  const tags = yield* readTags()
  const run = tags.get(name)
  if (run === undefined) {
    return yield* new UsageError({
      message: `no run has the tag '${name}'`,
      hint: tags.size === 0 ? 'no run has any: genepool runs tag RUN NAME' : `there are ${[...tags.keys()].join(', ')}`,
    })
  }
  yield* attempt(store, 'write to', () => fs.rmSync(store.place('tags', name), { force: true }))
  return run
})
