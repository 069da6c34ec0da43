/** What a run says before it begins: of artifacts of another key scheme, and of stages that are computed every time. */
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { describeScheme, keyScheme } from '../fingerprint.js'
import { escapeWords, partsOfEscape, partsOfRead, type Reads } from '../reads.js'
import { Store } from '../store/store.js'
import type { LastKnown } from './last-known.js'
import type { Prepared, PreparedStage } from './prepare.js'

/**
 * How many stages will be computed anew because their fingerprints were made by another key scheme; undefined where
 * none will.
 */
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
  const [have, they] =
    stages === 1 ? ['stage of this pipeline has an artifact', 'it'] : ['stages of this pipeline have artifacts', 'they']
  return (
    `this genepool's keys are ${describeScheme(keyScheme)}; ${stages} ${have} of scheme ${schemes} ` +
    `that cannot be told to be the same; ${they} will be recomputed`
  )
})

/**
 * One sentence for each place at which code leads where it cannot be followed, with the stages that it makes
 * uncacheable.
 */
export const uncacheableWarnings = (stages: readonly PreparedStage[]): readonly string[] => {
  const byPlace = new Map<string, string[]>()
  for (const { node, opaque } of stages) {
    for (const { file, line, what } of opaque) {
      const place = `${path.relative(process.cwd(), file)}:${line} leads to ${what}`
      byPlace.set(place, [...(byPlace.get(place) ?? []), node.name])
    }
  }
  return [...byPlace].map(
    ([place, names]) =>
      `${place}, which cannot be followed, so ${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} ` +
      'computed every time; where what is loaded there is covered elsewhere, say so above the line: ' +
      '// genepool: opaque REASON',
  )
}

/** That the result of a stage is not taken again, because of something of which nothing can be written down. */
export const describeEscape = (stage: string, { escape, place }: ReturnType<typeof partsOfEscape>): string =>
  escape === 'changed'
    ? `${place} changed while ${stage} ran, which reads it: its result counts for this run alone`
    : `${stage} uses ${escapeWords[escape]} (${place}), so it is computed every time; ` +
      `where its result does not depend on that, give the stage trusts: ['${escape}']`

/** One sentence for each such thing that a stage has used. */
export const escapeWarnings = (stage: string, reads: Reads = {}): readonly string[] =>
  Object.keys(reads).flatMap((name) => {
    const { kind, what } = partsOfRead(name)
    return kind === 'escape' ? [describeEscape(stage, partsOfEscape(what))] : []
  })
