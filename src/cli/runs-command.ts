/** `genepool runs`: the recorded runs, newest first. */
import * as Effect from 'effect/Effect'
import { genepoolLayer } from '../compose.js'
import type { RunEvent } from '../runtime/events.js'
import { readRuns, type RunRecord } from '../runtime/run-log.js'
import { duration } from '../results/format.js'
import { renderTable } from './table.js'
import { loadTarget } from './target.js'

export interface RunsFlags {
  readonly pipeline: string | undefined
  readonly store: string
  readonly json: boolean
}

interface RunLine {
  readonly run: string
  readonly pipeline: string
  readonly at: string
  /** `unfinished`: still going, or killed. */
  readonly state: 'done' | 'failed' | 'interrupted' | 'unfinished'
  readonly ran: number
  readonly cached: number
  readonly failed: number
  readonly skipped: number
  readonly ms: number | null
}

const find = <T extends RunEvent['type']>(events: readonly RunEvent[], type: T) =>
  events.find((event): event is Extract<RunEvent, { type: T }> => event.type === type)

const lineOf = (record: RunRecord): RunLine | undefined => {
  const started = find(record.events, 'run-started')
  if (started === undefined) return undefined
  const finished = find(record.events, 'run-finished')
  const counted = (type: RunEvent['type']): number => record.events.filter((event) => event.type === type).length
  const state =
    finished === undefined
      ? 'unfinished'
      : finished.interrupted
        ? 'interrupted'
        : finished.failed > 0
          ? 'failed'
          : 'done'
  return {
    run: record.run,
    pipeline: started.pipeline,
    at: started.at,
    state,
    ran: finished?.ran ?? counted('stage-finished'),
    cached: finished?.cached ?? counted('stage-cached'),
    failed: finished?.failed ?? counted('stage-failed'),
    skipped: finished?.skipped ?? counted('stage-skipped'),
    ms: finished?.ms ?? null,
  }
}

/** Runs of a suite are also those of one of its cells. */
const isOf = ({ pipeline }: RunLine, name: string): boolean => pipeline === name || pipeline.startsWith(`${name}#`)

const runsInStore = Effect.fnUntraced(function* (flags: RunsFlags) {
  const name = flags.pipeline === undefined ? undefined : (yield* loadTarget(flags.pipeline)).graph.name
  const lines = (yield* readRuns())
    .map(lineOf)
    .filter((line) => line !== undefined && (name === undefined || isOf(line, name))) as readonly RunLine[]
  if (flags.json) {
    for (const line of lines) process.stdout.write(`${JSON.stringify(line)}\n`)
    return
  }
  if (lines.length === 0) {
    process.stdout.write(`no runs${name === undefined ? '' : ` of ${name}`} in ${flags.store}\n`)
    return
  }
  const table = renderTable<RunLine>(
    [
      { title: 'run', cell: (line) => line.run, align: 'left' },
      { title: 'pipeline', cell: (line) => line.pipeline, align: 'left' },
      { title: 'state', cell: (line) => line.state, align: 'left' },
      { title: 'ran', cell: (line) => String(line.ran) },
      { title: 'cached', cell: (line) => String(line.cached) },
      { title: 'failed', cell: (line) => String(line.failed) },
      { title: 'not run', cell: (line) => String(line.skipped) },
      { title: 'took', cell: (line) => (line.ms === null ? '' : duration(line.ms)) },
    ],
    lines,
  )
  process.stdout.write(`${table}\n`)
})

export const runsCommand = (flags: RunsFlags) => runsInStore(flags).pipe(Effect.provide(genepoolLayer(flags.store)))
