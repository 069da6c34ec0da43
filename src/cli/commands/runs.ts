/** `genepool runs`: the recorded runs, newest first; and the tags that name some of them. */
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import { duration } from '../../results/format.js'
import type { GitState } from '../../runtime/records/git-state.js'
import { readRuns, runCalled } from '../../runtime/records/run-log.js'
import { outcomeOfRun, type RunOutcome } from '../../runtime/records/run-outcome.js'
import { addTag, readTags, removeTag } from '../../runtime/records/run-tags.js'
import { liveRuns } from '../../runtime/store/lock.js'
import { notStored } from '../../runtime/store/find-store.js'
import { Store } from '../../runtime/store/store.js'
import { type FlagsOf, jsonFlag, pipelineArgument, storeFlag, textFlag, verboseFlag } from '../input/flags.js'
import { inStore } from '../input/inspect.js'
import { loadTarget } from '../input/target.js'
import { describeCommit } from '../output/describe-environment.js'
import { printJson, say } from '../output/print.js'
import { renderTable } from '../output/table.js'

const runsFlags = {
  pipeline: pipelineArgument.pipe(Argument.withDefault(undefined)),
  store: storeFlag,
  tag: textFlag('tag', "Only the run with this tag; '*': all that have one"),
  json: jsonFlag('Print one run a line as JSON'),
  verbose: verboseFlag,
}

interface RunLine extends RunOutcome {
  readonly tags: readonly string[]
  readonly git: GitState | null
}

/** Runs of a suite are also those of one of its cells. */
const isOf = ({ pipeline }: RunLine, name: string): boolean => pipeline === name || pipeline.startsWith(`${name}#`)

const hasTag = ({ tags }: RunLine, tag: string): boolean => (tag === '*' ? tags.length > 0 : tags.includes(tag))

const runs = Effect.fnUntraced(function* (flags: FlagsOf<typeof runsFlags>) {
  const { tag } = flags
  const name = flags.pipeline === undefined ? undefined : (yield* loadTarget(flags.pipeline)).graph.name
  const tags = yield* readTags()
  if (tag !== undefined && tag !== '*' && !tags.has(tag)) {
    return yield* notStored({
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
    for (const line of lines) printJson(line)
    return undefined
  }
  if (lines.length === 0) {
    const ofName = name === undefined ? '' : ` of ${name}`
    return say(`no ${tag === undefined ? '' : 'tagged '}runs${ofName} in ${flags.store}`)
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
  return say(table)
})

const tagName = Argument.String('name').pipe(Argument.withDescription('Up to 64 letters, digits, dots and dashes'))

const untagFlags = { name: tagName, store: storeFlag, verbose: verboseFlag }

const tagFlags = {
  run: Argument.String('run').pipe(
    Argument.withDescription('Id of a run as genepool runs prints it, the beginning of one, or a tag'),
  ),
  ...untagFlags,
}

const tag = Effect.fnUntraced(function* ({ run, name, store }: FlagsOf<typeof tagFlags>) {
  const record = yield* runCalled(run, store)
  yield* addTag(name, record.run, !liveRuns(yield* Store).includes(record.run))
  say(`run ${record.run} has the tag ${name}`)
})

const untag = Effect.fnUntraced(function* ({ name }: FlagsOf<typeof untagFlags>) {
  const run = yield* removeTag(name)
  say(run === undefined ? `the tag ${name}, which named no run, is gone` : `run ${run} has the tag ${name} no more`)
})

const tagCommand = Command.make('tag', tagFlags).pipe(
  Command.withDescription('Give a run a name; genepool gc keeps what a tagged run reaches'),
  Command.withHandler(inStore(tag)),
)

const untagCommand = Command.make('untag', untagFlags).pipe(
  Command.withDescription('Take a name away from its run'),
  Command.withHandler(inStore(untag)),
)

export const runsCommand = Command.make('runs', runsFlags).pipe(
  Command.withDescription('List the recorded runs, of one pipeline or of all in the store'),
  Command.withExamples([
    { command: 'genepool runs tag 20260102-030405-a1b2c3 paper', description: 'Name a run, to find it and to keep it' },
    { command: 'genepool show paper', description: 'Where it took place, what it planned, what became of each stage' },
  ]),
  Command.withHandler(inStore(runs)),
  Command.withSubcommands([tagCommand, untagCommand]),
)
