/** `genepool store import`: what another store exported. */
import * as Effect from 'effect/Effect'
import { genepoolLayer } from '../../compose.js'
import { bytes, plural } from '../../results/format.js'
import { importArtifacts } from '../../runtime/store/import-store.js'
import { printJson } from '../long-work.js'
import { progressPrinter } from '../text/show-progress.js'

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
