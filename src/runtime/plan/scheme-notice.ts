/** What is said before a run about artifacts whose fingerprints were made by another key scheme. */
import * as Effect from 'effect/Effect'
import { keyScheme } from './fingerprint.js'
import { describeScheme } from './key-schemes.js'
import type { LastKnown } from './last-known.js'
import type { Prepared } from './prepare.js'
import { Store } from '../store/store.js'

/** A sentence; undefined where no stage of these stood finished under another scheme. */
export const schemeNotice = Effect.fnUntraced(function* (prepared: Prepared, last: LastKnown) {
  const store = yield* Store
  // Usually the store knows of this scheme alone, and no manifest need be read.
  if (store.keySchemes.every((scheme) => scheme === keyScheme)) return undefined
  const found = new Map<number, number>()
  for (const { node } of prepared.stages) {
    const fingerprint = last.fingerprint(node.name)
    const scheme = fingerprint === undefined ? undefined : store.lookup(fingerprint)?.identity.scheme
    if (scheme !== undefined && scheme !== keyScheme) found.set(scheme, (found.get(scheme) ?? 0) + 1)
  }
  if (found.size === 0) return undefined
  const stages = [...found.values()].reduce((sum, number) => sum + number, 0)
  const schemes = [...found.keys()].sort((a, b) => a - b).join(' and ')
  return (
    `this genepool's keys are ${describeScheme(keyScheme)}; ${stages} ${stages === 1 ? 'stage' : 'stages'} of this pipeline ` +
    `${stages === 1 ? 'has an artifact' : 'have artifacts'} of scheme ${schemes} that cannot be told to be the same; ` +
    `${stages === 1 ? 'it' : 'they'} will be recomputed`
  )
})
