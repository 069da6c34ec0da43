/**
 * The record of every run, in the store: one file a run, one line of JSON each for its environment, the plan that it
 * started from, the state of the repository (as soon as git has answered) and its events; progress and what stages
 * print are left out.
 */
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import { sentenceOf } from '../../base/errors.js'
import { readTextIfThere } from '../../base/files.js'
import { storeErrorOf, UsageError } from '../errors.js'
import type { PlannedStage, RunEvent } from '../events.js'
import { canWait, gatherWrites } from '../gathered-text.js'
import { quickReaderOf } from '../shape.js'
import { notStored } from '../store/find-store.js'
import { Store } from '../store/store.js'
import type { AskedGit, GitState } from './git-state.js'
import { environmentOf, type RecordedEnvironment, type RunEnvironment, type RunSettings } from './run-environment.js'
import { lineShape, type RecordLine } from './run-shapes.js'
import { readTags } from './run-tags.js'

/** A recorded run as `genepool runs` lists it. */
export interface RunRecord {
  readonly run: string
  readonly events: readonly RunEvent[]
  /** Absent from records of versions that did not keep it. */
  readonly environment?: RecordedEnvironment
  readonly plan?: readonly PlannedStage[]
  /** What is wrong with the first line that is none of a record, in words. Such lines are left out. */
  readonly damage?: string
}

/** Whether the run came to its end and said so; one that was killed did not. */
export const hasEnd = ({ events }: RunRecord): boolean => events.at(-1)?.type === 'run-finished'

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
    if (['stage-progress', 'run-progress', 'stage-printed'].includes(event.type)) return
    write(`${JSON.stringify(event)}\n`)
    if (!canWait(event)) flush()
  }
}

const readOwnLine = quickReaderOf(lineShape)

/** The last line of a run that was killed may be cut. */
const isCut = (lines: readonly string[], index: number): boolean => {
  if (index < lines.length - 1) return false
  try {
    JSON.parse(lines[index]!)
    return false
  } catch {
    return true
  }
}

export const recordOfText = (run: string, text: string, readLine = readOwnLine): RunRecord => {
  const events: RunEvent[] = []
  let environment: RunEnvironment | undefined
  let plan: readonly PlannedStage[] | undefined
  let git: GitState = { state: 'unknown', why: 'the run ended before git had answered' }
  let damage: string | undefined
  const lines = text.split('\n')
  for (const [index, written] of lines.entries()) {
    if (written === '') continue
    let line: RunEvent | RecordLine
    try {
      line = readLine(written)
    } catch (cause) {
      if (!isCut(lines, index)) damage ??= `line ${index + 1} of the record of run ${run}: ${sentenceOf(cause)}`
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
    ...(damage === undefined ? {} : { damage }),
  }
}

const cannotRead = (store: Store['Service']) => storeErrorOf(`cannot read the store ${store.root}`)

/** The record of one run; undefined where there is none of this name. */
export const readRun = Effect.fnUntraced(function* (run: string) {
  const store = yield* Store
  // A name that leads elsewhere is no run's.
  if (!/^[\w-]+$/.test(run)) return undefined
  const text = yield* Effect.try({
    try: () => readTextIfThere(store.place('runs', `${run}.ndjson`)),
    catch: cannotRead(store),
  })
  return text === undefined ? undefined : recordOfText(run, text)
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
      runs.map((run) => recordOfText(run, readTextIfThere(store.place('runs', `${run}.ndjson`)) ?? '')),
    catch: cannotRead(store),
  })
})

/** How long a run that has ended waits for git, which was asked when it began. */
const patienceMs = 300

/**
 * What a run writes down before its first event: environment and plan now, and git's answer when it is there; the
 * effect given back, for the run's end, waits for that, but never long.
 */
export const recordStart = (
  log: (line: RecordLine) => void,
  store: Store['Service'],
  settings: RunSettings,
  plan: readonly PlannedStage[],
  git: AskedGit,
): Effect.Effect<void> => {
  log({ type: 'environment', ...environmentOf(store, settings) })
  log({ type: 'plan', stages: plan })
  const written = git.answer.then((state) => log({ type: 'git', git: state }))
  return Effect.promise(() => {
    const timer = setTimeout(git.abort, patienceMs)
    return written.finally(() => clearTimeout(timer))
  })
}

/** Shorter beginnings are likely to be typing mistakes. */
const shortest = 4
const mostListed = 5

/**
 * The recorded run that a word on the command line means: its id, the beginning of it, or a tag; undefined where
 * nothing is called so. Fails with a UsageError where several are, or where a tagged run is gone.
 */
export const findRun = Effect.fnUntraced(function* (word: string) {
  const own = yield* readRun(word)
  if (own !== undefined) return own
  const tagged = (yield* readTags()).get(word)
  if (tagged !== undefined) {
    const record = yield* readRun(tagged)
    if (record !== undefined) return record
    return yield* new UsageError({ message: `the tag '${word}' is of run ${tagged}, whose record is gone` })
  }
  if (word.length < shortest) return undefined
  const [run, ...others] = (yield* recordedRuns()).filter((id) => id.startsWith(word))
  if (run === undefined) return undefined
  if (others.length === 0) return yield* readRun(run)
  const names = [run, ...others]
  const listed = names.slice(0, mostListed).join(', ')
  return yield* new UsageError({
    message: `${names.length} runs begin with '${word}'`,
    hint: `name one of ${listed}${names.length > mostListed ? `, … (genepool runs lists them)` : ''}`,
  })
})

/** The same, where it has to be there. `store` is what the user calls the store. */
export const runCalled = Effect.fnUntraced(function* (word: string, store: string) {
  const record = yield* findRun(word)
  if (record !== undefined) return record
  return yield* notStored({
    message: `there is no run '${word}' in ${store}`,
    hint: `genepool runs --store ${store} lists the runs and their tags`,
  })
})
