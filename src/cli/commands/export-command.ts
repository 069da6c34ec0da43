/** `genepool store export`: artifacts with their lineage as one file. */
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { genepoolLayer } from '../../compose.js'
import { bytes, plural } from '../../results/format.js'
import { UsageError } from '../../runtime/errors.js'
import { exportArtifacts } from '../../runtime/store/export-store.js'
import type { Reuse } from '../../runtime/plan/prepare.js'
import { readRun } from '../../runtime/records/run-log.js'
import { Store, type Manifest } from '../../runtime/store/store.js'
import { inspect } from './inspect.js'
import { printJson } from '../long-work.js'
import { progressPrinter } from '../text/show-progress.js'
import { version } from '../version.js'

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
