/** Text files of artifacts, held against the hash under which they were stored. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import { StoreError, sentenceOf, type CorruptArtifact } from '../runtime/errors.js'
import { Store, type Manifest } from '../runtime/store.js'

/**
 * What `parse` makes of a file of an artifact; undefined where the artifact has no such file. A file that is not as it was stored
 * sends its artifact to quarantine; the artifact's other files, weights that may be large, are not read.
 */
export const readStored = Effect.fnUntraced(function* <A>(
  manifest: Manifest,
  name: string,
  parse: (text: string) => A,
): Effect.fn.Return<A | undefined, CorruptArtifact | StoreError, Store> {
  const store = yield* Store
  const file = manifest.files[name]
  if (file === undefined) return undefined
  const unreadable = (cause: unknown): StoreError =>
    new StoreError({ message: `${name} of ${manifest.stage} cannot be read: ${sentenceOf(cause)}`, cause })
  const bytes = yield* Effect.try({ try: () => fs.readFileSync(store.blob(file)), catch: unreadable })
  if (createHash('sha256').update(bytes).digest('hex') !== file.sha256) yield* store.verify(manifest)
  return yield* Effect.try({ try: () => parse(bytes.toString('utf8')), catch: unreadable })
})
