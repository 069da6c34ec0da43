/** The record of every run, in the store: one folder a run with its events, progress left out. */
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import { readTextIfThere } from './atomic-file.js'
import { StoreError, sentenceOf } from './errors.js'
import type { Emit, RunEvent } from './events.js'
import { Store } from './store.js'

/** A recorded run as `genepool runs` lists it. */
export interface RunRecord {
  readonly run: string
  readonly events: readonly RunEvent[]
}

/** Opens the record of a new run; the function appends to it. A record that cannot be written never stops a run. */
export const openRunLog = Effect.fnUntraced(function* (run: string) {
  const store = yield* Store
  const file = store.place('runs', `${run}.ndjson`)
  yield* Effect.try({
    try: () => fs.mkdirSync(store.place('runs'), { recursive: true }),
    catch: (cause) =>
      new StoreError({ message: `cannot write to the store ${store.root}: ${sentenceOf(cause)}`, cause }),
  })
  const append: Emit = (event) => {
    if (event.type === 'stage-progress') return
    try {
      fs.appendFileSync(file, `${JSON.stringify(event)}\n`)
    } catch {
      // The run itself goes on; what it makes is in the store.
    }
  }
  return append
})

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
    catch: (cause) => new StoreError({ message: `cannot read the store ${store.root}: ${sentenceOf(cause)}`, cause }),
  })
})
