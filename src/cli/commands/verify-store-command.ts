/** `genepool store verify`: reads the whole store again; exit code 1 where something of it is not whole. */
import * as Effect from 'effect/Effect'
import { genepoolLayer } from '../../compose.js'
import { bytes, plural } from '../../results/format.js'
import { Store } from '../../runtime/store/store.js'
import { verifyStore, type LostArtifact } from '../../runtime/store/verify-store.js'
import { printJson } from '../long-work.js'
import { progressPrinter } from '../text/show-progress.js'

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
