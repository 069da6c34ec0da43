/** `genepool show`: all that is known of one stage's artifact, or of one recorded run. */
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import { genepoolLayer } from '../../compose.js'
import { UsageError } from '../../runtime/errors.js'
import { runCalled } from '../../runtime/records/find-run.js'
import { stageCalled } from '../../runtime/definition/find-stage.js'
import type { Manifest } from '../../runtime/store/store.js'
import { describeReasons, describeSummary } from '../text/describe.js'
import { bytes, duration } from '../../results/format.js'
import { inspect, type InspectFlags } from './inspect.js'
import { showRun } from '../text/show-run.js'
import { renderTable, type Column } from '../text/table.js'
import { isFile, parseTarget } from '../target.js'

export interface ShowFlags extends InspectFlags {
  /** Undefined of a run, which then `pipeline` names. */
  readonly stage: string | undefined
  readonly json: boolean
}

/** As one word of a command line: shells read brackets and bars themselves. */
const shellWord = (text: string): string => (/^[\w./-]+$/.test(text) ? text : `'${text}'`)

type HistoryLine = Readonly<Record<string, number>>

const historyFile = 'history.jsonl'

const renderHistory = (lines: readonly HistoryLine[]): string => {
  const names = [...new Set(lines.flatMap(Object.keys))]
  const columns = names.map((name): Column<HistoryLine> => ({ title: name, cell: (line) => number(line[name]) }))
  return renderTable(columns, lines)
}

const number = (value: number | undefined): string => {
  if (value === undefined) return ''
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
    `  engine      ${engine}`,
    `  folder      ${folder}`,
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
    section('files', files),
    section('history', history.length === 0 ? '' : renderHistory(history)),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

const showNamedRun = Effect.fnUntraced(function* ({ pipeline: word, store, json }: ShowFlags) {
  if (isFile(parseTarget(word).file)) {
    return yield* new UsageError({
      message: `${word} is a file: name the stage to show too`,
      hint: `genepool show ${word} STAGE; genepool plan ${word} lists the stages, genepool runs ${word} the runs`,
    })
  }
  return yield* showRun(yield* runCalled(word, store), json)
})

const showStage = Effect.fnUntraced(function* (flags: ShowFlags & { readonly stage: string }) {
  const { prepared, plan, store, graph } = yield* inspect(flags)
  const wanted = yield* stageCalled(graph, flags.stage)
  const stage = prepared.stages.find(({ node }) => node === wanted)!
  const manifest = plan.manifests.get(stage.node)
  if (manifest === undefined) {
    const planned = plan.stages.find((candidate) => candidate.stage === wanted.name)
    return yield* new UsageError({
      message: `stage '${wanted.name}' has no artifact as the pipeline stands: ${describeReasons(planned?.reasons ?? [])}`,
      hint: `genepool run ${flags.pipeline} --only ${shellWord(wanted.name)}`,
    })
  }
  const folder = yield* store.folder(manifest)
  yield* store.verify(manifest)
  const file = manifest.files[historyFile]
  const history =
    file === undefined
      ? []
      : fs
          .readFileSync(store.blob(file), 'utf8')
          .trim()
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as HistoryLine)
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ ...manifest, folder, history })}\n`)
    return undefined
  }
  const inputs = Object.fromEntries(Object.entries(stage.node.inputs).map(([name, from]) => [name, from.name]))
  process.stdout.write(`${renderManifest(manifest, folder, inputs, history)}\n`)
  return undefined
})

export const showCommand = (flags: ShowFlags) =>
  flags.stage === undefined
    ? showNamedRun(flags).pipe(Effect.provide(genepoolLayer(flags.store)))
    : showStage({ ...flags, stage: flags.stage })
