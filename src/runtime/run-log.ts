/** The record of every run, in the store: one folder a run with its events, progress left out. */
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import { readTextIfThere } from './atomic-file.js'
import { StoreError, sentenceOf } from './errors.js'
import type { Emit, RunEvent } from './events.js'
import { canWait, gatherWrites } from './gathered-text.js'
import { Store } from './store.js'

/** A recorded run as `genepool runs` lists it. */
export interface RunRecord {
  readonly run: string
  readonly events: readonly RunEvent[]
}

/** Opens the record of a new run; the function appends to it. A record that cannot be written never stops a run. */
export const openRunLog = (store: Store['Service'], run: string): Emit => {
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

const parse = (text: string): readonly RunEvent[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as RunEvent]
      } catch {
        // The last line of a run that was killed may be cut.
        return []
      }
    })

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
  return text === undefined ? undefined : ({ run, events: parse(text) } satisfies RunRecord)
})

/** All recorded runs, newest first. */
export const readRuns = Effect.fnUntraced(function* () {
  const store = yield* Store
  return yield* Effect.try({
    try: (): readonly RunRecord[] => {
      const folder = store.place('runs')
      if (!fs.existsSync(folder)) return []
      return fs
        .readdirSync(folder)
        .filter((name) => name.endsWith('.ndjson'))
        .sort()
        .reverse()
        .map((name) => ({
          run: name.slice(0, -'.ndjson'.length),
          events: parse(readTextIfThere(store.place('runs', name)) ?? ''),
        }))
    },
    catch: cannotRead(store),
  })
})
