/** `genepool logs`: what a stage printed, on stdout and stderr, when it last was computed, or failed. */
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import { readTextIfThere } from '../../base/files.js'
import { UsageError } from '../../runtime/errors.js'
import { stageCalled } from '../../runtime/definition/find-stage.js'
import { stageLogFile } from '../../runtime/execute/stage-log.js'
import { readRun, recordedRuns, runCalled, type RunRecord } from '../../runtime/records/run-log.js'
import { outcomeOfRun, type StageOutcome, stageOutcomes } from '../../runtime/records/run-outcome.js'
import { liveRuns } from '../../runtime/store/lock.js'
import { atOnce } from '../../runtime/in-parts.js'
import { Store } from '../../runtime/store/store.js'
import { type FlagsOf, jsonFlag, stageArgument, storeFlag, verboseFlag } from '../input/flags.js'
import { inStore } from '../input/inspect.js'
import { isFile, loadTarget, parseTarget } from '../input/target.js'
import { harmless, printJson, warn } from '../output/print.js'
import { Control, stdout } from '../output/terminal.js'

const logsFlags = {
  target: Argument.String('target').pipe(
    Argument.withDescription(
      'A stage, e.g. confusion; or, before a stage, a pipeline (FILE or FILE#CELL) or a run (its id, the beginning ' +
        'of it, a tag)',
    ),
  ),
  stage: stageArgument,
  store: storeFlag,
  json: jsonFlag('Print one object with the run, the state of the stage in it and the text, null where there is none'),
  verbose: verboseFlag,
}
type LogsFlags = FlagsOf<typeof logsFlags>

interface Asked {
  /** Newest first. */
  readonly runs: readonly string[]
  /** What the stage is called in this run; undefined where the run is of something else. */
  readonly nameIn: (record: RunRecord) => string | undefined
}

/** Several, where the first may find nothing. */
const asked = Effect.fnUntraced(function* ({ target, stage, store }: LogsFlags) {
  const isDefinition = isFile(parseTarget(target).file)
  if (stage === undefined) {
    if (!isDefinition) return [{ runs: yield* recordedRuns(), nameIn: () => target }] satisfies readonly Asked[]
    return yield* new UsageError({
      message: `${target} is a file: name the stage too`,
      hint: `genepool logs ${target} STAGE; genepool plan ${target} lists the stages`,
    })
  }
  if (!isDefinition) {
    return [{ runs: [(yield* runCalled(target, store)).run], nameIn: () => stage }] satisfies readonly Asked[]
  }
  const { graph, file } = yield* loadTarget(target)
  const { name } = yield* stageCalled(graph, stage)
  // A cell alone, or within its suite.
  const names = new Map([
    [graph.remembered.as, graph.remembered.names.get(name) ?? name],
    [graph.name, name],
  ])
  const runs = yield* recordedRuns()
  const nameIn = (record: RunRecord): string | undefined => names.get(outcomeOfRun(record)?.pipeline ?? '')
  const nameInOwn = (record: RunRecord) => (outcomeOfRun(record)?.file === file ? nameIn(record) : undefined)
  // Runs of the same file elsewhere are as good where there are none of this one.
  return [
    { runs, nameIn: nameInOwn },
    { runs, nameIn },
  ] satisfies readonly Asked[]
})

interface Found {
  readonly run: string
  readonly stage: StageOutcome & { readonly fingerprint: string }
}

/** The stage in the newest run that computed it, took it from the store, or tried to make it. */
const lastIn = Effect.fnUntraced(function* (all: readonly Asked[]) {
  for (const { runs, nameIn } of all) {
    for (const run of runs) {
      const record = yield* readRun(run)
      const name = record && nameIn(record)
      if (record === undefined || name === undefined) continue
      const stage = stageOutcomes(record).find((each) => each.stage === name)
      const fingerprint = stage?.fingerprint
      if (stage && fingerprint) return { run, stage: { ...stage, fingerprint } } satisfies Found
    }
  }
  return undefined
})

/** What it printed, where that is kept, and a sentence about it. */
const logOf = (
  store: Store['Service'],
  { run, stage: { stage, state, fingerprint, message } }: Found,
): { readonly text?: string; readonly about: string } => {
  if (state === 'ran' || state === 'cached') {
    const manifest = store.lookup(fingerprint)
    if (manifest === undefined) return { about: `the artifact of ${stage} in run ${run} is gone, and its log with it` }
    const { log, run: maker, at } = manifest.made
    const made = `${stage} as it was made at ${at} by run ${maker}`
    if (log === undefined) return { about: `${made}: it printed nothing` }
    if (atOnce(store.blobs.check(log)).is !== 'whole') return { about: `${made}: its log is gone or damaged` }
    return { text: fs.readFileSync(store.blob(log), 'utf8'), about: made }
  }
  const isLive = state === 'open' && liveRuns(store).includes(run)
  const how = {
    failed: `failed: ${message}`,
    interrupted: 'was interrupted',
    open: isLive ? 'is being computed' : 'had not ended when the run did',
    skipped: 'was not run',
  }[state]
  const text = readTextIfThere(stageLogFile(store, run, fingerprint))
  const none = isLive ? 'it has printed nothing so far' : 'it printed nothing, or gc has removed that'
  const about = `${stage} in run ${run}, where it ${how}`
  return text === undefined ? { about: `${about}: ${none}` } : { text, about }
}

const logs = Effect.fnUntraced(function* (flags: LogsFlags) {
  const { target, store: folder, json } = flags
  const store = yield* Store
  const found = yield* lastIn(yield* asked(flags))
  if (found === undefined) {
    return yield* new UsageError({
      message: `no run in ${folder} has begun to compute a stage '${flags.stage ?? target}'`,
      hint: 'genepool runs lists the runs, genepool show RUN the stages of one',
    })
  }
  const { text, about } = logOf(store, found)
  const { run, stage } = found
  if (json) {
    return printJson({
      run,
      stage: stage.stage,
      state: stage.state,
      fingerprint: stage.fingerprint,
      text: text ?? null,
    })
  }
  warn([about])
  if (text !== undefined) stdout.write(stdout.isTTY === true ? harmless(text) : new Control(text))
  return undefined
})

export const logsCommand = Command.make('logs', logsFlags).pipe(
  Command.withDescription(
    'Print what a stage printed, on stdout and stderr, when it last was computed or failed; also of one that runs now',
  ),
  Command.withExamples([
    { command: 'genepool logs confusion', description: 'Of the newest run that has such a stage' },
    { command: 'genepool logs pipelines/confusion.ts confusion', description: 'Of the newest run of this pipeline' },
    { command: 'genepool logs 20260102-030405 confusion', description: 'Of one run' },
  ]),
  Command.withHandler(inStore(logs)),
)
