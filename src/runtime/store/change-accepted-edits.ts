/**
 * The one way in which the list of accepted edits changes: read, changed and written under its lock, so that of two
 * changes at once neither is lost. A lost revocation would make a hit of what is none.
 */
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { makeFolder, writeFileAtomic } from '../../base/files.js'
import { readAcceptedEdits, type AcceptedEdit } from '../code/accepted-edits.js'
import { acceptedPath } from '../code/record-store.js'
import { type StoreError, storeErrorOf } from '../errors.js'
import { lockPath, whileLocked } from './lock.js'
import { Store } from './store.js'

/** Nothing is written where `change` gives back what it was given. */
export const changeAcceptedEdits = Effect.fnUntraced(function* (
  change: (edits: readonly AcceptedEdit[]) => readonly AcceptedEdit[],
): Effect.fn.Return<void, StoreError, Store> {
  const store = yield* Store
  const [lock, file] = [lockPath(store, 'accepted-edits'), acceptedPath(store.root)]
  const inTurn = whileLocked(lock, () => {
    const edits = readAcceptedEdits(file)
    const changed = change(edits)
    if (changed !== edits) writeFileAtomic(file, `${JSON.stringify({ edits: changed }, undefined, 2)}\n`)
  })
  yield* Effect.try({ try: () => makeFolder(path.dirname(lock)), catch: (cause) => cause }).pipe(
    Effect.andThen(inTurn),
    Effect.mapError(storeErrorOf(`cannot write to the store ${store.root}`)),
  )
})
