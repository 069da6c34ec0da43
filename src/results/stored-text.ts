/** Reads text files of artifacts, and checks them against the hash under which they were stored. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import { errorCode, sentenceOf } from '../base/errors.js'
import { type StoreError, storeErrorOf } from '../runtime/errors.js'
import { Store, type Manifest } from '../runtime/store/store.js'

/** A file that is missing or not as it was stored: what the artifact measured has to be measured again. */
export class DamagedFile {
  readonly why: string
  constructor(why: string) {
    this.why = why
  }
}

/**
 * What `parse` makes of a file of an artifact; undefined where the artifact has no such file. A file that is not as it
 * was stored sends its artifact to quarantine, so that the next run makes it again; the artifact's other files, weights
 * that may be large, are not read. Fails with a StoreError that begins with `what` where `parse` throws.
 */
export const readStored = Effect.fnUntraced(function* <A>(
  manifest: Manifest,
  name: string,
  parse: (text: string) => A,
  what: string,
): Effect.fn.Return<A | DamagedFile | undefined, StoreError, Store> {
  const store = yield* Store
  const file = manifest.files[name]
  if (file === undefined) return undefined
  const bytes = yield* Effect.sync(() => {
    try {
      return fs.readFileSync(store.blob(file))
    } catch (cause) {
      const isGone = errorCode(cause) === 'ENOENT'
      return new DamagedFile(isGone ? `${name} is not in the store any more` : `${name}: ${sentenceOf(cause)}`)
    }
  })
  if (bytes instanceof DamagedFile) return bytes
  if (createHash('sha256').update(bytes).digest('hex') !== file.sha256) {
    return yield* Effect.match(store.verify(manifest), {
      onFailure: ({ message }) => new DamagedFile(message),
      onSuccess: () => new DamagedFile(`${name} was not as it was stored when it was read`),
    })
  }
  return yield* Effect.try({
    try: () => parse(bytes.toString('utf8')),
    catch: storeErrorOf(`${name} of ${what} cannot be read`),
  })
})
