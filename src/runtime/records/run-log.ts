/**
 * The record of every run, in the store: one file a run, one line of JSON each for its environment, the plan that it
 * started from, the state of the repository (as soon as git has answered) and its events, progress left out.
 */
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import { readTextIfThere } from '../atomic-file.js'
import { StoreError, sentenceOf } from '../errors.js'
import type { PlannedStage, RunEvent } from '../events.js'
import type { GitState } from './git-state.js'
import type { RecordedEnvironment, RunEnvironment } from './run-environment.js'
import { canWait, gatherWrites } from '../gathered-text.js'
import { Store } from '../store/store.js'

/** What a record holds besides events. */
export type RecordLine =
  | ({ readonly type: 'environment' } & RunEnvironment)
  | { readonly type: 'plan'; readonly stages: readonly PlannedStage[] }
  | { readonly type: 'git'; readonly git: GitState }

/** A recorded run as `genepool runs` lists it. */
export interface RunRecord {
  readonly run: string
  readonly events: readonly RunEvent[]
  /** Absent from records of versions that did not keep it. */
  readonly environment?: RecordedEnvironment
  readonly plan?: readonly PlannedStage[]
}

/** Opens the record of a new run; the function appends to it. A record that cannot be written never stops a run. */
export const openRunLog = (store: Store['Service'], run: string): ((line: RunEvent | RecordLine) => void) => {
  const file = store.place('runs', `${run}.ndjson`)
  const append = (text: string): void => {
    try {
      fs.mkdirSync(store.place('runs'), { recursive: true })
      fs.appendFileSync(file, text)
    } catch {
      // The run itself goes on: everything may be there already, and what cannot be stored says so itself.
    }
  }
  const { write, flush } = gatherWrites(append)
  return (event) => {
    if (event.type === 'stage-progress') return
    write(`${JSON.stringify(event)}\n`)
    if (!canWait(event)) flush()
  }
}

const parse = (run: string, text: string): RunRecord => {
  const events: RunEvent[] = []
  let environment: RunEnvironment | undefined
  let plan: readonly PlannedStage[] | undefined
  let git: GitState = { state: 'unknown', why: 'the run ended before git had answered' }
  for (const written of text.split('\n').filter((line) => line !== '')) {
    let line: RunEvent | RecordLine
    try {
      line = JSON.parse(written) as RunEvent | RecordLine
    } catch {
      // The last line of a run that was killed may be cut.
      continue
    }
    if (line.type === 'plan') plan = line.stages
    else if (line.type === 'git') git = line.git
    else if (line.type === 'environment') {
      const { type: _, ...rest } = line
      environment = rest
    } else events.push(line)
  }
  return {
    run,
    events,
    ...(environment === undefined ? {} : { environment: { ...environment, git } }),
    ...(plan === undefined ? {} : { plan }),
  }
}

const cannotRead =
  (store: Store['Service']) =>
  (cause: unknown): StoreError =>
    new StoreError({ message: `cannot read the store ${store.root}: ${sentenceOf(cause)}`, cause })

/** The record of one run; undefined where there is none of this name. */
export const readRun = Effect.fnUntraced(function* (run: string) {
  const store = yield* Store
  // A name that leads elsewhere is no run's.
  if (!/^[\w-]+$/.test(run)) return undefined
  const text = yield* Effect.try({
    try: () => readTextIfThere(store.place('runs', `${run}.ndjson`)),
    catch: cannotRead(store),
  })
  return text === undefined ? undefined : parse(run, text)
})

/** Ids of all recorded runs, newest first. */
export const recordedRuns = Effect.fnUntraced(function* () {
  const store = yield* Store
  return yield* Effect.try({
    try: (): readonly string[] => {
      const folder = store.place('runs')
      if (!fs.existsSync(folder)) return []
      return fs
        .readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith('.ndjson'))
        .map(({ name }) => name.slice(0, -'.ndjson'.length))
        .sort()
        .reverse()
    },
    catch: cannotRead(store),
  })
})

/** All recorded runs, newest first. */
export const readRuns = Effect.fnUntraced(function* () {
  const store = yield* Store
  const runs = yield* recordedRuns()
  return yield* Effect.try({
    try: (): readonly RunRecord[] =>
      runs.map((run) => parse(run, readTextIfThere(store.place('runs', `${run}.ndjson`)) ?? '')),
    catch: cannotRead(store),
  })
})
