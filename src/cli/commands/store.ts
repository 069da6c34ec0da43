/** `genepool store verify`, `export` and `import`: the whole store read again, and artifacts carried to another one. */
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import { bytes, plural } from '../../results/format.js'
import { version } from '../../runtime/definition/own-package.js'
import { UsageError } from '../../runtime/errors.js'
import { readRun } from '../../runtime/records/run-log.js'
import { notStored } from '../../runtime/store/find-store.js'
import { type Manifest, Store } from '../../runtime/store/store.js'
import { exportArtifacts } from '../../runtime/upkeep/export-store.js'
import { importArtifacts } from '../../runtime/upkeep/import-store.js'
import { type LostArtifact, verifyStore } from '../../runtime/upkeep/verify-store.js'
import { type FlagsOf, jsonFlag, storedFlags, storeFlag, verboseFlag } from '../input/flags.js'
import { inspect, inStore } from '../input/inspect.js'
import { printJson, progressPrinter, say } from '../output/print.js'

const json = jsonFlag('Print one JSON object a line')

const verifyFlags = { store: storeFlag, json, verbose: verboseFlag }

const describeLost = ({ stage, fingerprint, files }: LostArtifact): string =>
  stage === null
    ? `the artifact ${fingerprint.slice(0, 12)}, whose manifest is damaged, will be made again`
    : `${stage} (${fingerprint.slice(0, 12)}) will be made again: ` +
      `${files.join(', ')} ${files.length === 1 ? 'is' : 'are'} not there any more`

const verify = Effect.fnUntraced(function* ({ json }: FlagsOf<typeof verifyFlags>) {
  const store = yield* Store
  const { damage, lost, ...checked } = yield* verifyStore(progressPrinter('verified', json))
  if (json) {
    for (const each of damage) printJson({ type: 'damaged', ...each })
    for (const each of lost) printJson({ type: 'lost', ...each })
    printJson({ type: 'store-verified', ...checked, damaged: damage.length, lost: lost.length })
  } else {
    for (const { what, path } of damage) {
      say(`damaged ${what} ${path}${what === 'shown file' ? ': linked anew' : ': moved to quarantine'}`)
    }
    for (const each of lost) say(describeLost(each))
    const all = `${plural(checked.artifacts, 'artifact')}, ${plural(checked.files, 'file')}, ${bytes(checked.bytes)}`
    const state = damage.length + lost.length === 0 ? 'all as published' : `${damage.length} damaged`
    say(`${store.root}: ${all}: ${state}`)
  }
  if (damage.length + lost.length > 0) process.exitCode = 1
})

/** Exit code 1 where something is not whole. */
const verifyCommand = Command.make('verify', verifyFlags).pipe(
  Command.withDescription(
    'Read every byte of the store again, move what is damaged to quarantine, say which stages will be made again',
  ),
  Command.withHandler(inStore(verify)),
)

const exportFlags = {
  what: Argument.String('pipeline-or-run').pipe(
    Argument.withDescription('FILE, FILE#CELL, or the id of a run as genepool runs prints it'),
  ),
  file: Argument.String('file').pipe(Argument.withDescription('File to write, a tar')),
  ...storedFlags,
  json,
  verbose: verboseFlag,
}
type ExportFlags = FlagsOf<typeof exportFlags>

const isRun = (what: string): boolean => /^\d{8}-[\w-]+$/.test(what)

const artifactsOfRun = Effect.fnUntraced(function* (run: string) {
  const store = yield* Store
  const record = yield* readRun(run)
  if (record === undefined) return yield* notStored({ message: `there is no run ${run} in ${store.root}` })
  if (record.damage !== undefined) {
    return yield* new UsageError({ message: `which artifacts run ${run} had cannot be told: ${record.damage}` })
  }
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

const artifactsOfPipeline = Effect.fnUntraced(function* (flags: ExportFlags) {
  const { plan, prepared } = yield* inspect({ ...flags, pipeline: flags.what })
  const missing = plan.stages.find((_, index) => !plan.manifests.has(prepared.stages[index].node))
  if (missing !== undefined) {
    return yield* notStored({
      message: `stage '${missing.stage}' has no artifact as the pipeline stands`,
      hint: `genepool run ${flags.what}, or export a run that genepool runs lists`,
    })
  }
  return [...plan.manifests.values()]
})

const exportTo = Effect.fnUntraced(function* (flags: ExportFlags) {
  const [manifests, runs] = isRun(flags.what)
    ? [yield* artifactsOfRun(flags.what), [flags.what]]
    : [yield* artifactsOfPipeline(flags), []]
  const header = yield* exportArtifacts({
    of: flags.what,
    manifests,
    runs,
    file: path.resolve(flags.file),
    genepool: version,
    onProgress: progressPrinter('exported', flags.json),
  })
  if (flags.json) printJson({ type: 'exported', file: flags.file, ...header })
  else say(`${flags.file}: ${plural(header.artifacts, 'artifact')}, ${bytes(header.bytes)}`)
})

const exportCommand = Command.make('export', exportFlags).pipe(
  Command.withDescription(
    'Write the artifacts of a pipeline or a run, all that they were made from, ' +
      'and the runs that made them into one file',
  ),
  Command.withExamples([
    { command: 'genepool store export pipelines/quickstart.ts quickstart.tar', description: 'All that a pipeline has' },
  ]),
  Command.withHandler(inStore(exportTo)),
)

const importFlags = {
  file: Argument.String('file').pipe(Argument.withDescription('A file that genepool store export has written')),
  store: storeFlag,
  json,
  verbose: verboseFlag,
}

const importFrom = Effect.fnUntraced(function* ({ file, json }: FlagsOf<typeof importFlags>) {
  const imported = yield* importArtifacts(file, progressPrinter('read', json))
  if (json) return printJson({ type: 'imported', file, ...imported })
  const { of, artifacts, known, older, accepted } = imported
  const there = known === 0 ? '' : `, ${known} of them were there`
  say(`${of}: ${plural(artifacts, 'artifact')}, ${bytes(imported.bytes)}${there}`)
  if (accepted > 0) say(`${plural(accepted, 'accepted edit')} came with it (genepool accept --list)`)
  if (older > 0) say(`${plural(older, 'artifact')} of an older key scheme: kept, and never found by a run`)
  return undefined
})

const importCommand = Command.make('import', importFlags).pipe(
  Command.withDescription('Take in what another store exported, every hash verified'),
  Command.withHandler(inStore(importFrom, { makesIt: true })),
)

export const storeCommand = Command.make('store').pipe(
  Command.withDescription('Verify the store, or carry artifacts from one store to another'),
  Command.withSubcommands([verifyCommand, exportCommand, importCommand]),
)
