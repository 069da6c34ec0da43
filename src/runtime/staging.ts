/**
 * The folder in which one artifact comes to be: `staging/<fingerprint>.<token>`. A name of its own for every attempt, so
 * that a worker whose run was killed can never write into the attempt that follows.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { randomBytes } from 'node:crypto'
import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import { StoreError, sentenceOf } from './errors.js'
import { isHeld, sweepLocks } from './lock.js'
import type { Store } from './store.js'
import { sweepUnfinished } from './unfinished-files.js'

export interface Staging {
  readonly outDir: string
  readonly checkpointDir: string
  /** Whether an interrupted run has left a checkpoint. */
  readonly resumes: boolean
}

const entries = (folder: string): readonly string[] => (fs.existsSync(folder) ? fs.readdirSync(folder) : [])

const removeIfEmpty = (folder: string): void => {
  if (fs.existsSync(folder) && fs.readdirSync(folder).length === 0) fs.rmdirSync(folder)
}

/** Tidying up may fail without harm: what is left behind is swept by the next run. */
const quietly = (tidy: () => void): Effect.Effect<void> => Effect.ignore(Effect.try({ try: tidy, catch: sentenceOf }))

export const lockPath = (store: Store['Service'], fingerprint: string): string =>
  store.place('locks', `${fingerprint}.lock`)

/** Opens the folder for as long as the scope is open. Only for the holder of the fingerprint's lock. */
export const openStaging = (
  store: Store['Service'],
  fingerprint: string,
): Effect.Effect<Staging, StoreError, Scope.Scope> => {
  const staging = store.place('staging', `${fingerprint}.${randomBytes(4).toString('hex')}`)
  const outDir = path.join(staging, 'out')
  const checkpointDir = store.place('checkpoints', fingerprint)
  return Effect.acquireRelease(
    Effect.try({
      try: () => {
        fs.mkdirSync(outDir, { recursive: true })
        fs.mkdirSync(checkpointDir, { recursive: true })
        sweepUnfinished(checkpointDir)
        return { outDir, checkpointDir, resumes: entries(checkpointDir).length > 0 }
      },
      catch: (cause) =>
        new StoreError({ message: `cannot write to the store ${store.root}: ${sentenceOf(cause)}`, cause }),
    }),
    () =>
      quietly(() => {
        fs.rmSync(staging, { recursive: true, force: true })
        removeIfEmpty(checkpointDir)
      }),
  )
}

/** Removes what killed runs have left. Listed first, so that a folder whose lock is not held has lost its run. */
export const sweepKilledRuns = (store: Store['Service']): Effect.Effect<void> =>
  quietly(() => {
    for (const name of entries(store.place('staging'))) {
      const fingerprint = name.slice(0, name.indexOf('.'))
      if (isHeld(lockPath(store, fingerprint))) continue
      fs.rmSync(store.place('staging', name), { recursive: true, force: true })
    }
    sweepLocks(store.place('locks'))
  })
