/** `genepool store`: verify, export, import; and `genepool gc`. Words and flags only. */
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { genepoolLayer } from '../../compose.js'
import { bytes, plural } from '../../results/format.js'
import { UsageError } from '../../runtime/errors.js'
import type { Reuse } from '../../runtime/fingerprint.js'
import { readRun } from '../../runtime/records/run-log.js'
import { type Manifest, Store } from '../../runtime/store/store.js'
import { exportArtifacts } from '../../runtime/upkeep/export-store.js'
import { importArtifacts } from '../../runtime/upkeep/import-store.js'
import { type LostArtifact, verifyStore } from '../../runtime/upkeep/verify-store.js'
import { inspect } from '../input/inspect.js'
import { printJson, progressPrinter } from '../output/print.js'
import { version } from '../version.js'

/** `genepool store export`: artifacts with their lineage as one file. */

export interface ExportFlags {
  /** `FILE`, `FILE#CELL`, or a run's id. */
  readonly what: string
  readonly file: string
  readonly store: string
  readonly engine: string
  readonly device: string
  readonly reuse: Reuse
  readonly json: boolean
}

const isRun = (what: string): boolean => /^\d{8}-[\w-]+$/.test(what)

const ofRun = Effect.fnUntraced(function* (run: string) {
  const store = yield* Store
  const record = yield* readRun(run)
  if (record === undefined) return yield* new UsageError({ message: `there is no run ${run} in ${store.root}` })
  const made = record.events.filter((event) => event.type === 'stage-cached' || event.type === 'stage-finished')
  const manifests: Manifest[] = []
  for (const { stage, fingerprint } of made) {
    const manifest = store.lookup(fingerprint)
    if (manifest === undefined) {
      const message = `the artifact of ${stage} that run ${run} had is not in the store any more`
      return yield* new UsageError({ message })
    }
    manifests.push(manifest)
  }
  if (manifests.length === 0) return yield* new UsageError({ message: `run ${run} has no artifacts` })
  return manifests
})

const ofPipeline = Effect.fnUntraced(function* (flags: ExportFlags) {
  const { plan } = yield* inspect({ ...flags, pipeline: flags.what })
  const missing = plan.stages.find(({ status }) => status !== 'cached')
  if (missing !== undefined) {
    return yield* new UsageError({
      message: `stage '${missing.stage}' has no artifact as the pipeline stands`,
      hint: `genepool run ${flags.what}, or export a run that genepool runs lists`,
    })
  }
  return [...plan.manifests.values()]
})

const exportFromStore = Effect.fnUntraced(function* (flags: ExportFlags) {
  const [manifests, runs] = isRun(flags.what)
    ? [yield* ofRun(flags.what), [flags.what]]
    : [yield* ofPipeline(flags), []]
  const header = yield* exportArtifacts({
    of: flags.what,
    manifests,
    runs,
    file: path.resolve(flags.file),
    genepool: version,
    onProgress: progressPrinter('exported', flags.json),
  })
  if (flags.json) printJson({ type: 'exported', file: flags.file, ...header })
  else process.stdout.write(`${flags.file}: ${plural(header.artifacts, 'artifact')}, ${bytes(header.bytes)}\n`)
})

export const exportCommand = (flags: ExportFlags) =>
  exportFromStore(flags).pipe(Effect.provide(genepoolLayer(flags.store)))

/** `genepool store import`: what another store exported. */

export interface ImportFlags {
  readonly file: string
  readonly store: string
  readonly json: boolean
}

const importIntoStore = Effect.fnUntraced(function* (flags: ImportFlags) {
  const imported = yield* importArtifacts(flags.file, progressPrinter('read', flags.json))
  if (flags.json) return printJson({ type: 'imported', file: flags.file, ...imported })
  const { of, artifacts, known, older, accepted } = imported
  const there = known === 0 ? '' : `, ${known} of them were there`
  process.stdout.write(`${of}: ${plural(artifacts, 'artifact')}, ${bytes(imported.bytes)}${there}\n`)
  if (accepted > 0) process.stdout.write(`${plural(accepted, 'accepted edit')} came with it (genepool accept --list)\n`)
  if (older > 0)
    process.stdout.write(`${plural(older, 'artifact')} of an older key scheme: kept, and never found by a run\n`)
})

export const importCommand = (flags: ImportFlags) =>
  importIntoStore(flags).pipe(Effect.provide(genepoolLayer(flags.store)))

/** `genepool store verify`: reads the whole store again; exit code 1 where something of it is not whole. */

export interface VerifyStoreFlags {
  readonly store: string
  readonly json: boolean
}

const describeLost = ({ stage, fingerprint, files }: LostArtifact): string =>
  stage === null
    ? `the artifact ${fingerprint.slice(0, 12)}, whose manifest is damaged, will be made again`
    : `${stage} (${fingerprint.slice(0, 12)}) will be made again: ${files.join(', ')} ${files.length === 1 ? 'is' : 'are'} not there any more`

const verifyInStore = Effect.fnUntraced(function* (flags: VerifyStoreFlags) {
  const store = yield* Store
  const { damage, lost, ...checked } = yield* verifyStore(progressPrinter('verified', flags.json))
  if (flags.json) {
    for (const each of damage) printJson({ type: 'damaged', ...each })
    for (const each of lost) printJson({ type: 'lost', ...each })
    printJson({ type: 'store-verified', ...checked, damaged: damage.length, lost: lost.length })
  } else {
    for (const { what, path } of damage) {
      process.stdout.write(
        `damaged ${what} ${path}${what === 'shown file' ? ': linked anew' : ': moved to quarantine'}\n`,
      )
    }
    for (const each of lost) process.stdout.write(`${describeLost(each)}\n`)
    const all = `${plural(checked.artifacts, 'artifact')}, ${plural(checked.files, 'file')}, ${bytes(checked.bytes)}`
    const state = damage.length + lost.length === 0 ? 'all as published' : `${damage.length} damaged`
    process.stdout.write(`${store.root}: ${all}: ${state}\n`)
  }
  if (damage.length + lost.length > 0) process.exitCode = 1
})

export const verifyStoreCommand = (flags: VerifyStoreFlags) =>
  verifyInStore(flags).pipe(Effect.provide(genepoolLayer(flags.store)))

export const store = Flag.String('store').pipe(
  Flag.withDescription('Folder that holds artifacts, checkpoints and records; default: .genepool'),
  Flag.withDefault('.genepool'),
)

export const engine = Flag.Literals('engine', ['auto', 'onnxruntime', 'tensorflow', 'cpu']).pipe(
  Flag.withDescription('The engine whose artifacts are meant; default: auto'),
  Flag.withDefault('auto'),
)

export const device = Flag.String('device').pipe(
  Flag.withDescription('The device whose artifacts are meant; default: auto'),
  Flag.withDefault('auto'),
)

export const reuse = Flag.Literals('reuse', ['same-engine', 'any-engine']).pipe(
  Flag.withDescription('Whether artifacts of other engines will do as well; default: same-engine'),
  Flag.withDefault('same-engine'),
)

export const json = Flag.Boolean('json').pipe(
  Flag.withDescription('Print one JSON object a line'),
  Flag.withDefault(false),
)

const verbose = Flag.Boolean('verbose').pipe(
  Flag.withDescription('Print stack traces with errors'),
  Flag.withDefault(false),
)

export const switchOf = (name: string, what: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(what), Flag.withDefault(false))

const verify = Command.make('verify', { store, json, verbose }).pipe(
  Command.withHandler((flags) => verifyStoreCommand(flags)),
  Command.withDescription(
    'Read every byte of the store again, move what is damaged to quarantine, say which stages will be made again',
  ),
)

const exportTo = Command.make('export', {
  what: Argument.String('pipeline-or-run').pipe(
    Argument.withDescription('FILE, FILE#CELL, or the id of a run as genepool runs prints it'),
  ),
  file: Argument.String('file').pipe(Argument.withDescription('File to write, a tar')),
  store,
  engine,
  device,
  reuse,
  json,
  verbose,
}).pipe(
  Command.withHandler((flags) => exportCommand(flags)),
  Command.withDescription(
    'Write the artifacts of a pipeline or a run, all that they were made from, and the runs that made them into one file',
  ),
  Command.withExamples([
    { command: 'genepool store export pipelines/quickstart.ts quickstart.tar', description: 'All that a pipeline has' },
  ]),
)

const importFrom = Command.make('import', {
  file: Argument.String('file').pipe(Argument.withDescription('A file that genepool store export has written')),
  store,
  json,
  verbose,
}).pipe(
  Command.withHandler((flags) => importCommand(flags)),
  Command.withDescription('Take in what another store exported, every hash verified'),
)

export const storeCommand = Command.make('store').pipe(
  Command.withDescription('Verify the store, or carry artifacts from one store to another'),
  Command.withSubcommands([verify, exportTo, importFrom]),
)
