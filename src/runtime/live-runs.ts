/** Which runs are going on in a store, so that nothing that they have found is taken from under them. */
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import { isHeld, tryLock } from './lock.js'
import type { Store } from './store.js'

const namePattern = /^run\.(.+)\.lock$/

/** For as long as the scope is open. A store in which no lock can be made has nothing collected from it either. */
export const markAsLive = (store: Store['Service'], run: string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.ignore(tryLock(store.place('locks', `run.${run}.lock`)))

/** Ids of the runs that are going on. */
export const liveRuns = (store: Store['Service']): readonly string[] => {
  const folder = store.place('locks')
  if (!fs.existsSync(folder)) return []
  return fs.readdirSync(folder).flatMap((name) => {
    const run = namePattern.exec(name)?.[1]
    return run !== undefined && isHeld(store.place('locks', name)) ? [run] : []
  })
}
