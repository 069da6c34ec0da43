/** `genepool show`: all that is known of one stage's artifact, or of one recorded run. */
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import { mapValues } from '../../base/objects.js'
import type { Prepared, PreparedStage } from '../../runtime/plan/prepare.js'
import { bytes, duration } from '../../results/format.js'
import { stageCalled } from '../../runtime/definition/find-stage.js'
import { UsageError } from '../../runtime/errors.js'
import type { PlannedStage } from '../../runtime/events.js'
import { inParts } from '../../runtime/in-parts.js'
import { LastKnown } from '../../runtime/plan/last-known.js'
import { runCalled, type RunRecord } from '../../runtime/records/run-log.js'
import { outcomeOfRun, type StageOutcome, stageOutcomes } from '../../runtime/records/run-outcome.js'
import { readTags } from '../../runtime/records/run-tags.js'
import { mapShape, nullableShape, numberShape, textReaderOf } from '../../runtime/shape.js'
import { notStored } from '../../runtime/store/find-store.js'
import type { Manifest } from '../../runtime/store/store.js'
import { artifactFlags, type FlagsOf, jsonFlag, stageArgument, switchFlag, verboseFlag } from '../input/flags.js'
import { inspect, inStore } from '../input/inspect.js'
import { isFile, parseTarget } from '../input/target.js'
import { describeEnvironment } from '../output/describe-environment.js'
import { describeOrigin, describeReasons, describeShares, describeSummary } from '../output/describe.js'
import { printJson, say, shellWord } from '../output/print.js'
import { renderTable, type TableColumn } from '../output/table.js'

const showFlags = {
  /** The pipeline; without a stage, a run. */
  pipeline: Argument.String('target').pipe(
    Argument.withDescription(
      'A pipeline (FILE or FILE#CELL) before one of its stages; or a run: its id, the beginning of it, a tag',
    ),
  ),
  stage: stageArgument,
  ...artifactFlags,
  trace: switchFlag('trace', 'Print all that a hit of the stage depends on: its code, packages and whatever it read'),
  json: jsonFlag('Print the manifest, or the run, as JSON'),
  verbose: verboseFlag,
}
type ShowFlags = FlagsOf<typeof showFlags>

const said: Readonly<Record<StageOutcome['state'], string>> = {
  ran: 'ran',
  cached: 'cached',
  failed: 'failed',
  skipped: 'not run',
  interrupted: 'interrupted',
  open: 'no end recorded',
}

const becauseOf = (outcome: StageOutcome, planned: PlannedStage | undefined): string => {
  if (outcome.message !== null) return outcome.message
  const reasons = planned === undefined || planned.reasons.length === 0 ? '' : describeReasons(planned.reasons)
  return outcome.unchanged ? [reasons, '(same bytes as before)'].filter((part) => part !== '').join(' ') : reasons
}

/** More stages that were cached than this are counted, not listed. */
const mostCached = 20

const renderRun = (record: RunRecord, tags: readonly string[]): string => {
  const outcome = outcomeOfRun(record)
  const planned = new Map((record.plan ?? []).map((stage) => [stage.stage, stage]))
  const stages = stageOutcomes(record)
  const cached = stages.filter(({ state }) => state === 'cached')
  const listed = cached.length <= mostCached ? stages : stages.filter(({ state }) => state !== 'cached')
  const about: readonly (readonly [string, string])[] = [
    ...(outcome === undefined
      ? [['state', 'it was ended before its first event'] as const]
      : [
          ['pipeline', outcome.pipeline] as const,
          ['state', outcome.state] as const,
          ['started', outcome.at] as const,
          ...(outcome.ms === null ? [] : [['took', duration(outcome.ms)] as const]),
        ]),
    ...(tags.length === 0 ? [] : [['tags', tags.join(', ')] as const]),
    ...(record.damage === undefined ? [] : [['damaged', `${record.damage}; it is left out`] as const]),
    ...(record.environment === undefined
      ? [['environment', 'not recorded: an older version made this run'] as const]
      : describeEnvironment(record.environment)),
  ]
  const width = Math.max(...about.map(([label]) => label.length))
  const table = renderTable<StageOutcome>(
    [
      { title: 'stage', cell: ({ stage }) => stage, align: 'left' },
      { title: 'planned', cell: ({ stage }) => planned.get(stage)?.status ?? '', align: 'left' },
      { title: 'outcome', cell: ({ state }) => said[state], align: 'left' },
      { title: 'took', cell: ({ ms }) => (ms === null ? '' : duration(ms)) },
      { title: 'because', cell: (stage) => becauseOf(stage, planned.get(stage.stage)), align: 'left' },
    ],
    listed,
  )
  const totals =
    outcome === undefined
      ? ''
      : `${outcome.ran} ran, ${outcome.cached} cached, ${outcome.failed} failed, ${outcome.skipped} not run`
  const hints = stages.flatMap(({ stage, hint, place, causes }) =>
    describeOrigin({ hint, place, causes }).map((line) => `${stage}: ${line}`),
  )
  return [
    `run ${record.run}`,
    ...about.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`),
    '',
    ...(listed.length === 0 ? [] : [table]),
    ...(listed.length === stages.length ? [] : [`and ${cached.length} cached stages`]),
    ...hints,
    totals,
  ].join('\n')
}

const showRun = Effect.fnUntraced(function* (record: RunRecord, json: boolean) {
  const tags = [...(yield* readTags())].flatMap(([tag, run]) => (run === record.run ? [tag] : []))
  if (!json) return say(renderRun(record, tags))
  const { run, environment = null, plan = null } = record
  return printJson({ run, tags, ...outcomeOfRun(record), environment, plan, stages: stageOutcomes(record) })
})

const showNamedRun = Effect.fnUntraced(function* ({ pipeline: word, store, json }: ShowFlags) {
  if (isFile(parseTarget(word).file)) {
    return yield* new UsageError({
      message: `${word} is a file: name the stage to show too`,
      hint: `genepool show ${word} STAGE; genepool plan ${word} lists the stages, genepool runs ${word} the runs`,
    })
  }
  return yield* showRun(yield* runCalled(word, store), json)
})

/** Null where a figure was no number. */
type HistoryLine = Readonly<Record<string, number | null>>

const historyFile = 'history.jsonl'

const readHistoryLine = textReaderOf(mapShape(nullableShape(numberShape)))

/** Undefined where the file, which may be of a stage of the user's own, is something else. */
const historyIn = (text: string): readonly HistoryLine[] | undefined => {
  try {
    return text.trim().split('\n').filter(Boolean).map(readHistoryLine)
  } catch {
    return undefined
  }
}

const renderHistory = (lines: readonly HistoryLine[]): string => {
  const names = [...new Set(lines.flatMap(Object.keys))]
  const columns = names.map((name): TableColumn<HistoryLine> => ({ title: name, cell: (line) => number(line[name]) }))
  return renderTable(columns, lines)
}

const number = (value: number | null | undefined): string => {
  if (value === undefined || value === null) return ''
  return Number.isInteger(value) ? String(value) : Math.abs(value) < 1e-3 ? value.toExponential(2) : value.toFixed(4)
}

const section = (title: string, body: string): string =>
  body === '' ? '' : `\n${title}\n${body.replace(/^/gm, '  ')}\n`

const renderManifest = (
  manifest: Manifest,
  folder: string,
  inputs: Readonly<Record<string, string>>,
  history: readonly HistoryLine[],
): string => {
  const { identity, made } = manifest
  const files = renderTable<[string, Manifest['files'][string]]>(
    [
      { title: 'file', cell: ([name]) => name, align: 'left' },
      { title: 'size', cell: ([, file]) => bytes(file.bytes) },
      { title: 'sha256', cell: ([, file]) => file.sha256, align: 'left' },
    ],
    Object.entries(manifest.files),
  )
  const engine =
    identity.engine === null
      ? 'none'
      : `${identity.engine.engine} on ${identity.engine.device} ${JSON.stringify(identity.engine.versions)}`
  const figures = describeSummary(manifest.summary)
  return [
    `${manifest.stage} (${identity.kind})`,
    ...(figures === '' ? [] : [`  ${figures}`]),
    `  fingerprint ${manifest.fingerprint}`,
    `  content     ${manifest.content}`,
    `  made        ${made.at} in ${duration(made.ms)}, run ${made.run}, node ${made.node}, ${made.platform}`,
    ...(made.shares === undefined ? [] : [`  time        ${describeShares(made.shares)}`]),
    `  engine      ${engine}`,
    `  folder      ${folder}`,
    ...(made.log === undefined ? [] : [`  log         ${bytes(made.log.bytes)} (genepool logs prints it)`]),
    section(
      'inputs',
      Object.entries(identity.inputs)
        .map(([name, content]) => `${name} ← ${inputs[name]}  ${content}`)
        .join('\n'),
    ),
    section(
      'sources',
      Object.entries(identity.sources)
        .map(([name, sha256]) => `${name}  ${sha256}`)
        .join('\n'),
    ),
    section('parameters', JSON.stringify(identity.params, null, 2)),
    section('files', Object.keys(manifest.files).length === 0 ? '' : files),
    section('history', history.length === 0 ? '' : renderHistory(history)),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

/** All that has to be as it was for the artifact to be a hit, each line with its value then. */
const traceOf = Effect.fnUntraced(function* (
  { code, readsNow }: Prepared,
  stage: PreparedStage,
  { identity }: Manifest,
) {
  const current = yield* Effect.promise(() => code.recordOf(stage.codeEntry, stage.codeWithout))
  const record = identity.code === stage.code ? current : code.record(identity.code)
  const symbols = Object.values(record?.symbols ?? {})
  const files = [...new Set(symbols.map(({ file }) => file))].sort()
  const sources = Object.entries(identity.sources)
  const { reads = {} } = identity
  const now = yield* Effect.orDie(inParts(() => readsNow().valuesOf(stage.root, reads)))
  return {
    modules: Object.fromEntries(files.map((file) => [file, symbols.filter((each) => each.file === file).length])),
    packages: record?.packages ?? {},
    engine: identity.engine?.versions ?? {},
    sources: Object.fromEntries(sources.map(([role, sha256]) => [stage.sources[role]?.path ?? role, sha256])),
    inputs: identity.inputs,
    reads,
    changed: Object.keys(reads).filter((name) => now[name] !== reads[name]),
    trusts: identity.trusts ?? [],
  }
})

const renderTrace = (manifest: Manifest, trace: Effect.Success<ReturnType<typeof traceOf>>): string => {
  const lines = (
    record: Readonly<Record<string, unknown>>,
    word = (value: unknown): string => String(value),
  ): string => {
    const width = Math.max(0, ...Object.keys(record).map((name) => name.length))
    return Object.entries(record)
      .map(([name, value]) => `${name.padEnd(width)}  ${word(value)}`)
      .join('\n')
  }
  return [
    `${manifest.stage} (${manifest.identity.kind}): a hit while all of this is as it was`,
    `  code ${manifest.identity.code}`,
    section('modules, with the symbols that count', lines(trace.modules)),
    section('packages', lines(trace.packages)),
    section('versions of the engine', lines(trace.engine)),
    section('inputs', lines(trace.inputs)),
    section('sources', lines(trace.sources)),
    section(
      'read besides',
      lines(trace.reads, (value) => (value === null ? 'not there' : String(value))),
    ),
    section('changed since', trace.changed.join('\n')),
    section('vouched for', trace.trusts.join('\n')),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

const showStage = Effect.fnUntraced(function* (flags: ShowFlags, called: string) {
  const { prepared, plan, store, graph } = yield* inspect(flags)
  const wanted = yield* stageCalled(graph, called)
  const stage = prepared.stages.find(({ node }) => node === wanted)!
  const known = new LastKnown(store, graph.remembered).fingerprint(stage.node.name)
  // Of one that is no hit, why not is in its trace.
  const last = flags.trace && known !== undefined ? store.lookup(known) : undefined
  const manifest = plan.manifests.get(stage.node) ?? last
  if (manifest === undefined) {
    const planned = plan.stages.find((candidate) => candidate.stage === wanted.name)
    const because = describeReasons(planned?.reasons ?? [])
    return yield* notStored({
      message: `stage '${wanted.name}' has no artifact as the pipeline stands: ${because}`,
      hint: `genepool run ${flags.pipeline} --only ${shellWord(wanted.name)}`,
    })
  }
  if (flags.trace) {
    const trace = yield* traceOf(prepared, stage, manifest)
    return flags.json ? printJson(trace) : say(renderTrace(manifest, trace))
  }
  const folder = yield* store.folder(manifest)
  yield* store.verify(manifest)
  const file = manifest.files[historyFile]
  const history = (file === undefined ? undefined : historyIn(fs.readFileSync(store.blob(file), 'utf8'))) ?? []
  if (flags.json) return printJson({ ...manifest, folder, history })
  const inputs = mapValues(stage.node.inputs, ({ name }) => name)
  return say(renderManifest(manifest, folder, inputs, history))
})

const show = (flags: ShowFlags) => (flags.stage === undefined ? showNamedRun(flags) : showStage(flags, flags.stage))

export const showCommand = Command.make('show', showFlags).pipe(
  Command.withDescription(
    "Print a stage's artifact (files, inputs, parameters, loss history), " +
      'or a recorded run: environment, plan, outcomes',
  ),
  Command.withExamples([
    { command: 'genepool show pipelines/quickstart.ts teacher', description: "A stage's artifact" },
    {
      command: 'genepool show pipelines/quickstart.ts teacher --trace',
      description: 'All that its being cached depends on',
    },
    { command: 'genepool show 20260102-030405', description: 'A run, by the beginning of its id' },
  ]),
  Command.withHandler(inStore(show)),
)
