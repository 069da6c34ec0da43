/**
 * A store of its own for one stage that is to be computed again from clean: it holds what the stage reads, linked from the
 * real store, and not what the stage makes. It lies in the real store's folder, because links need the same disk, and is gone
 * with its scope; what a killed process has left is swept by the next one.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { randomBytes } from 'node:crypto'
import * as Effect from 'effect/Effect'
import { StoreError, sentenceOf } from '../errors.js'
import { engineFreeKeyOf } from '../plan/fingerprint.js'
import { linkOrCopy } from './link-or-copy.js'
import { isHeld, tryLock } from './lock.js'
import { Store, type Manifest } from './store.js'

const bring = (from: string, to: string): void => {
  fs.mkdirSync(path.dirname(to), { recursive: true })
  linkOrCopy(from, to)
}

const quietly = (tidy: () => void): Effect.Effect<void> => Effect.ignore(Effect.try({ try: tidy, catch: sentenceOf }))

const lockOf = (folder: string): string => `${folder}.lock`

/** Removes what killed processes have left. */
const sweep = (scratch: string): void => {
  if (!fs.existsSync(scratch)) return
  for (const name of fs.readdirSync(scratch)) {
    const [, id] = /^([0-9a-f]{12})(?:\.lock)?$/.exec(name) ?? []
    if (id === undefined) continue
    const folder = path.join(scratch, id)
    if (isHeld(lockOf(folder))) continue
    fs.rmSync(folder, { recursive: true, force: true })
    fs.rmSync(lockOf(folder), { force: true })
  }
}

/** What the code and the sources hash to is known already; times and contents are not to be mixed in. */
const indices = (folder: string): readonly string[] =>
  fs.existsSync(folder)
    ? fs.readdirSync(folder).filter((name) => name.endsWith('.json') && name !== 'contents.json')
    : []

/** Root of a store with `artifacts` in it, for as long as the scope is open. */
export const openScratch = Effect.fnUntraced(function* (artifacts: Iterable<Manifest>) {
  const store = yield* Store
  const scratch = store.place('scratch')
  yield* Effect.addFinalizer(() =>
    quietly(() => {
      if (fs.existsSync(scratch) && fs.readdirSync(scratch).length === 0) fs.rmdirSync(scratch)
    }),
  )
  yield* quietly(() => sweep(scratch))
  const root = path.join(scratch, randomBytes(6).toString('hex'))
  yield* tryLock(lockOf(root))
  yield* Effect.addFinalizer(() => quietly(() => fs.rmSync(root, { recursive: true, force: true })))
  yield* Effect.try({
    try: () => {
      const there = (...names: readonly string[]): string => path.join(root, ...names)
      for (const manifest of artifacts) {
        const { fingerprint, identity, files } = manifest
        const action = ['actions', fingerprint.slice(0, 2), `${fingerprint}.json`]
        bring(store.place(...action), there(...action))
        const key = engineFreeKeyOf(identity)
        fs.mkdirSync(there('equals', key.slice(0, 2), key), { recursive: true })
        fs.writeFileSync(there('equals', key.slice(0, 2), key, fingerprint), '')
        for (const file of Object.values(files)) {
          const blob = store.blob(file)
          bring(blob, there(path.relative(store.root, blob)))
        }
      }
      fs.mkdirSync(there('index'), { recursive: true })
      for (const name of indices(store.place('index')))
        fs.copyFileSync(store.place('index', name), there('index', name))
    },
    catch: (cause) =>
      new StoreError({ message: `cannot write to the store ${store.root}: ${sentenceOf(cause)}`, cause }),
  })
  return root
})
