/**
 * The command line's words about what has been: recorded runs, artifacts and how they came about. What no run needs is
 * loaded when it is asked for.
 */
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { genepoolLayer } from '../../compose.js'
import { duration } from '../../results/format.js'
import { UsageError } from '../../runtime/errors.js'
import type { GitState } from '../../runtime/records/git-state.js'
import { readRuns, runCalled } from '../../runtime/records/run-log.js'
import { outcomeOfRun, type RunOutcome } from '../../runtime/records/run-outcome.js'
import { addTag, readTags, removeTag } from '../../runtime/records/run-tags.js'
import { json, pipeline, store, verbose } from '../input/flags.js'
import { loadTarget } from '../input/target.js'
import { describeCommit } from '../output/describe-environment.js'
import { renderTable } from '../output/table.js'

/** `genepool runs`: the recorded runs, newest first. */

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

/** `genepool runs tag` and `untag`: names for runs, which keep what the runs reach. */

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

export const tagCommand = ({
  run,
  name,
  store,
}: {
  readonly run: string
  readonly name: string
  readonly store: string
}) =>
  Effect.gen(function* () {
    const record = yield* runCalled(run, store)
    yield* addTag(name, record.run)
    say(`run ${record.run} has the tag ${name}`)
  }).pipe(Effect.provide(genepoolLayer(store)))

export const untagCommand = ({ name, store }: { readonly name: string; readonly store: string }) =>
  Effect.gen(function* () {
    say(`run ${yield* removeTag(name)} has the tag ${name} no more`)
  }).pipe(Effect.provide(genepoolLayer(store)))

const recordedRun = Argument.String('run').pipe(
  Argument.withDescription('Id of a run as genepool runs prints it, the beginning of one, or a tag'),
)

const tagName = Argument.String('name').pipe(Argument.withDescription('Up to 64 letters, digits, dots and dashes'))

const tag = Command.make('tag', { run: recordedRun, name: tagName, store, verbose }).pipe(
  Command.withHandler((flags) => tagCommand(flags)),
  Command.withDescription('Give a run a name; genepool gc keeps what a tagged run reaches'),
)

const untag = Command.make('untag', { name: tagName, store, verbose }).pipe(
  Command.withHandler((flags) => untagCommand(flags)),
  Command.withDescription('Take a name away from its run'),
)

export const runs = Command.make('runs', {
  pipeline: pipeline.pipe(Argument.optional),
  store,
  tag: Flag.String('tag').pipe(
    Flag.withDescription("Only the run with this tag; '*': all that have one"),
    Flag.optional,
  ),
  json: json('Print one run a line as JSON'),
  verbose,
}).pipe(
  Command.withHandler((flags) =>
    runsCommand({
      ...flags,
      pipeline: Option.getOrUndefined(flags.pipeline),
      tag: Option.getOrUndefined(flags.tag),
    }),
  ),
  Command.withDescription('List the recorded runs, of one pipeline or of all in the store'),
  Command.withExamples([
    { command: 'genepool runs tag 20260102-030405-a1b2c3 paper', description: 'Name a run, to find it and to keep it' },
    { command: 'genepool show paper', description: 'Where it took place, what it planned, what became of each stage' },
  ]),
  Command.withSubcommands([tag, untag]),
)
