/** Every artifact of a store, for those who look for one by what it holds instead of by its fingerprint. */
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import { StoreError, sentenceOf } from '../errors.js'
import { FileIndex, identityOf } from '../file-identity.js'
import { Store, type Manifest } from './store.js'

const folders = (folder: string): readonly string[] => (fs.existsSync(folder) ? fs.readdirSync(folder) : [])

/** Fingerprints of all manifests, complete or not. */
export const storedFingerprints = (store: Store['Service']): readonly string[] =>
  folders(store.place('actions')).flatMap((prefix) =>
    folders(store.place('actions', prefix))
      .filter((name) => /^[0-9a-f]{64}\.json$/.test(name))
      .map((name) => name.slice(0, -'.json'.length)),
  )

/** All complete artifacts, read one after the other: for a store that has no index of what is asked. */
export const manifestsNow = (store: Store['Service']): Manifest[] =>
  storedFingerprints(store).flatMap((fingerprint) => store.lookup(fingerprint) ?? [])

/** What is found of an artifact without reading its manifest again. */
export interface Contents {
  readonly fingerprint: string
  readonly content: string
  /** sha256 of each file. */
  readonly files: readonly string[]
}

/** Of every manifest what it holds; of those that have not changed since they were read, from an index. */
export const storedContents = Effect.fnUntraced(function* () {
  const store = yield* Store
  return yield* Effect.try({
    try: (): readonly Contents[] => {
      const index = new FileIndex<Contents>(store.place('index', 'contents.json'), '1')
      const all = storedFingerprints(store).flatMap((fingerprint) => {
        const file = store.place('actions', fingerprint.slice(0, 2), `${fingerprint}.json`)
        const known = index.peek(file)
        if (known !== undefined) return [known]
        const identity = identityOf(file)
        const manifest = store.lookup(fingerprint)
        if (identity === undefined || manifest === undefined) return []
        const { content } = manifest
        const contents = { fingerprint, content, files: Object.values(manifest.files).map(({ sha256 }) => sha256) }
        index.remember(file, identity, contents)
        return [contents]
      })
      index.save()
      return all
    },
    catch: (cause) => new StoreError({ message: `cannot read the store ${store.root}: ${sentenceOf(cause)}`, cause }),
  })
})
