/** `genepool runs`: the recorded runs, newest first. */
import * as Effect from 'effect/Effect'
import { genepoolLayer } from '../../compose.js'
import { duration } from '../../results/format.js'
import { UsageError } from '../../runtime/errors.js'
import type { GitState } from '../../runtime/records/git-state.js'
import { readRuns } from '../../runtime/records/run-log.js'
import { outcomeOfRun, type RunOutcome } from '../../runtime/records/run-outcome.js'
import { readTags } from '../../runtime/records/run-tags.js'
import { describeCommit } from '../text/describe-environment.js'
import { renderTable } from '../text/table.js'
import { loadTarget } from '../target.js'

export interface RunsFlags {
  readonly pipeline: string | undefined
  readonly store: string
  /** Only what has this tag; of `*`, any. */
  readonly tag: string | undefined
  readonly json: boolean
}

interface RunLine extends RunOutcome {
  readonly tags: readonly string[]
  readonly git: GitState | null
}

/** Runs of a suite are also those of one of its cells. */
const isOf = ({ pipeline }: RunLine, name: string): boolean => pipeline === name || pipeline.startsWith(`${name}#`)

const hasTag = ({ tags }: RunLine, tag: string): boolean => (tag === '*' ? tags.length > 0 : tags.includes(tag))

const runsInStore = Effect.fnUntraced(function* (flags: RunsFlags) {
  const { tag } = flags
  const name = flags.pipeline === undefined ? undefined : (yield* loadTarget(flags.pipeline)).graph.name
  const tags = yield* readTags()
  if (tag !== undefined && tag !== '*' && !tags.has(tag)) {
    return yield* new UsageError({
      message: `no run has the tag '${tag}'`,
      hint: tags.size === 0 ? 'no run has any: genepool runs tag RUN NAME' : `there are ${[...tags.keys()].join(', ')}`,
    })
  }
  const tagsOf = (run: string): readonly string[] => [...tags].flatMap(([each, of]) => (of === run ? [each] : []))
  const lines = (yield* readRuns())
    .flatMap((record): readonly RunLine[] => {
      const outcome = outcomeOfRun(record)
      const git = record.environment?.git ?? null
      return outcome === undefined ? [] : [{ ...outcome, tags: tagsOf(record.run), git }]
    })
    .filter((line) => (name === undefined || isOf(line, name)) && (tag === undefined || hasTag(line, tag)))
  if (flags.json) {
    for (const line of lines) process.stdout.write(`${JSON.stringify(line)}\n`)
    return undefined
  }
  if (lines.length === 0) {
    process.stdout.write(
      `no ${tag === undefined ? '' : 'tagged '}runs${name === undefined ? '' : ` of ${name}`} in ${flags.store}\n`,
    )
    return undefined
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
      { title: 'engine', cell: (line) => line.engine, align: 'left' },
      { title: 'git', cell: (line) => describeCommit(line.git ?? undefined), align: 'left' },
      { title: 'tags', cell: (line) => line.tags.join(', '), align: 'left' },
    ],
    lines,
  )
  process.stdout.write(`${table}\n`)
  return undefined
})

export const runsCommand = (flags: RunsFlags) => runsInStore(flags).pipe(Effect.provide(genepoolLayer(flags.store)))
