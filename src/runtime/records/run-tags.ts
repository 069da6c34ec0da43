/**
 * Names that people give to runs: one file a name in the store's `tags/`. It holds the run's id and, of a run that had
 * ended, the sha256 of its record: what the record names is kept, so that one which is damaged must not pass for whole.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import { readTextIfThere, writeFileAtomic } from '../../base/files.js'
import { type StoreError, storeErrorOf, UsageError } from '../errors.js'
import { optionalShape, readerOf, recordShape, sha256Shape, valueShape } from '../shape.js'
import { notStored } from '../store/find-store.js'
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

/** Of a run's record, as tags keep it. */
const hashOfRecord = (store: Store['Service'], run: string): string | undefined => {
  const text = readTextIfThere(store.place('runs', `${run}.ndjson`))
  return text === undefined ? undefined : createHash('sha256').update(text).digest('hex')
}

interface Tag {
  /** Undefined where the file names no run. */
  readonly run: string | undefined
  /** What is wrong with the file or with the record of its run, in words. */
  readonly damage: string | undefined
  /** Whether it would tell that the record is another than it was. */
  readonly isSealed: boolean
}

/** What its file holds. */
interface Tagged {
  readonly run: string
  readonly sha256?: string
}

const readTagged = readerOf(
  recordShape<Tagged>({
    run: valueShape((value): value is string => typeof value === 'string' && /^\d{8}-\d{6}-[\w-]+$/.test(value), 'run'),
    sha256: optionalShape(sha256Shape),
  }),
)

/** Undefined where the text is no tag's. */
const taggedIn = (text: string): Tagged | undefined => {
  const [run, sha256, ...more] = text.trim().split(/\s+/)
  try {
    return more.length > 0 ? undefined : readTagged({ run, ...(sha256 === undefined ? {} : { sha256 }) })
  } catch {
    return undefined
  }
}

const tagOf = (store: Store['Service'], name: string): Tag => {
  const tagged = taggedIn(readTextIfThere(store.place('tags', name)) ?? '')
  if (tagged === undefined) return { run: undefined, damage: 'its file names no run', isSealed: false }
  const { run, sha256 } = tagged
  const isSealed = sha256 !== undefined
  const now = hashOfRecord(store, run)
  if (now === undefined) return { run, damage: `the record of its run ${run} is gone`, isSealed }
  const isOther = isSealed && sha256 !== now
  const damage = isOther ? `the record of its run ${run} is not what it was when it was tagged` : undefined
  return { run, damage, isSealed }
}

/** All tags by name. A file that is no tag's is passed over. */
export const allTags = Effect.fnUntraced(function* () {
  const store = yield* Store
  return yield* attempt(store, 'read', (): ReadonlyMap<string, Tag> => {
    const folder = store.place('tags')
    const names = fs.existsSync(folder) ? fs.readdirSync(folder).filter(isTagName).sort() : []
    return new Map(names.map((name) => [name, tagOf(store, name)]))
  })
})

/** Tag → run, by name, of those that name one. */
export const readTags = Effect.fnUntraced(function* () {
  return new Map([...(yield* allTags())].flatMap(([name, { run }]) => (run === undefined ? [] : [[name, run]])))
})

/** Fails with a UsageError where the name is no good, or another run's. `isEnded`: nothing is added to its record. */
export const addTag = Effect.fnUntraced(function* (name: string, run: string, isEnded: boolean) {
  const store = yield* Store
  if (!isTagName(name)) {
    return yield* new UsageError({
      message: `'${name}' cannot be a run's tag`,
      hint:
        'a tag is up to 64 letters, digits, dots, dashes and underscores, ' +
        'begins with a letter or a digit and is no run id',
    })
  }
  const tag = (yield* allTags()).get(name)
  if (tag?.run === run && tag.isSealed) return undefined
  const other = tag?.run
  if (other !== undefined && other !== run) {
    return yield* new UsageError({
      message: `the tag '${name}' is run ${other}'s`,
      hint: `genepool runs untag ${name} takes it away`,
    })
  }
  yield* attempt(store, 'write to', () => {
    const hash = isEnded ? ` ${hashOfRecord(store, run)}` : ''
    writeFileAtomic(store.place('tags', name), `${run}${hash}\n`)
  })
  return undefined
})

/** The run that had the tag, if its file named one. Fails with a UsageError where there is no such tag. */
export const removeTag = Effect.fnUntraced(function* (name: string) {
  const store = yield* Store
  const tags = yield* allTags()
  const tag = tags.get(name)
  if (tag === undefined) {
    return yield* notStored({
      message: `no run has the tag '${name}'`,
      hint: tags.size === 0 ? 'no run has any: genepool runs tag RUN NAME' : `there are ${[...tags.keys()].join(', ')}`,
    })
  }
  yield* attempt(store, 'write to', () => fs.rmSync(store.place('tags', name), { force: true }))
  return tag.run
})
