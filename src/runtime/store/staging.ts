/**
 * The folder in which one artifact comes to be: `staging/<fingerprint>.<token>`. A name of its own for every attempt,
 * so that a worker whose run was killed can never write into the attempt that follows. Beside it the checkpoints of the
 * fingerprint, and with them what the stage read: a checkpoint that may hold something of an input which was touched
 * meanwhile is not gone on from.
 */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import { sentenceOf } from '../../base/errors.js'
import { type StoreError, storeErrorOf } from '../errors.js'
import { isHeld, lockPath, sweepLocks } from './lock.js'
import { type IsCovered, isTraceAsThen } from '../reads.js'
import { ensureFolder } from './quarantine.js'
import { isUntouched, type SealedInputs, sealOf } from './sealed-inputs.js'
import type { Store } from './store.js'
import { sweepUnfinished } from './unfinished-files.js'

interface Staging {
  readonly outDir: string
  readonly checkpointDir: string
  /** Where what the stage reads besides its inputs is written down, for as long as its checkpoint. */
  readonly trace: string
  /** Whether an interrupted run has left a checkpoint. */
  readonly resumes: boolean
}

const entries = (folder: string): readonly string[] => (fs.existsSync(folder) ? fs.readdirSync(folder) : [])

/** Tidying up may fail without harm: what is left behind is swept by the next run. */
export const quietly = (tidy: () => void): Effect.Effect<void> =>
  Effect.ignore(Effect.try({ try: tidy, catch: sentenceOf }))

/** What is kept beside a checkpoint: the inputs' seal, or that they were untouched when the stage ended. */
const untouched = 'untouched'

/** No seal, half a seal after a kill, or that of other files: the checkpoint is worth nothing. */
const isGood = (sealFile: string, seal: string): boolean => {
  try {
    return [seal, untouched].includes(fs.readFileSync(sealFile, 'utf8'))
  } catch {
    return false
  }
}

/**
 * Opens the folder for as long as the scope is open. Only for the holder of the fingerprint's lock, once the inputs are
 * verified. Below `root` paths of the trace are relative.
 */
export const openStaging = (
  store: Store['Service'],
  fingerprint: string,
  inputs: SealedInputs,
  root: string,
  isCovered: IsCovered,
): Effect.Effect<Staging, StoreError, Scope.Scope> => {
  const staging = store.place('staging', `${fingerprint}.${randomBytes(4).toString('hex')}`)
  const outDir = path.join(staging, 'out')
  const checkpointDir = store.place('checkpoints', fingerprint)
  const sealFile = store.place('seals', fingerprint)
  const trace = store.place('seals', `${fingerprint}.reads`)
  return Effect.acquireRelease(
    Effect.try({
      try: () => {
        fs.mkdirSync(outDir, { recursive: true })
        ensureFolder(store.root, 'checkpoints', fingerprint)
        sweepUnfinished(checkpointDir)
        const seal = sealOf(inputs)
        const left = fs.readdirSync(checkpointDir)
        const resumes = left.length > 0 && isGood(sealFile, seal) && isTraceAsThen(trace, root, isCovered)
        if (!resumes) fs.rmSync(trace, { force: true })
        if (!resumes) for (const name of left) fs.rmSync(path.join(checkpointDir, name), { recursive: true })
        ensureFolder(store.root, 'seals')
        fs.writeFileSync(sealFile, seal)
        return { outDir, checkpointDir, trace, resumes }
      },
      catch: storeErrorOf(`cannot write to the store ${store.root}`),
    }),
    () =>
      quietly(() => {
        fs.rmSync(staging, { recursive: true, force: true })
        if (entries(checkpointDir).length > 0 && isUntouched(store, inputs)) {
          return fs.writeFileSync(sealFile, untouched)
        }
        fs.rmSync(checkpointDir, { recursive: true, force: true })
        fs.rmSync(sealFile, { force: true })
        fs.rmSync(trace, { force: true })
      }),
  )
}

/** Whether something was left from which a stage of this fingerprint may go on. */
export const isResumable = (store: Store['Service'], fingerprint: string): boolean =>
  entries(store.place('checkpoints', fingerprint)).length > 0

/** Folders of runs that were killed. Listed first, so that a folder whose lock is not held has lost its run. */
export const abandonedStaging = (store: Store['Service']): readonly string[] =>
  entries(store.place('staging'))
    .filter((name) => !isHeld(lockPath(store, name.slice(0, name.indexOf('.')))))
    .map((name) => store.place('staging', name))

/** Removes what killed runs have left. */
export const sweepKilledRuns = (store: Store['Service']): Effect.Effect<void> =>
  quietly(() => {
    for (const folder of abandonedStaging(store)) fs.rmSync(folder, { recursive: true, force: true })
    sweepLocks(store.place('locks'))
  })
