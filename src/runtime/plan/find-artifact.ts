/** The stored artifact of a stage run, if there is one that will do. */
import * as Effect from 'effect/Effect'
import type { StoreError } from '../errors.js'
import { fingerprintOf, type EngineIdentity, type StageIdentity } from './fingerprint.js'
import type { Reuse } from './prepare.js'
import { Store, type Manifest } from '../store/store.js'

export interface FoundArtifact {
  readonly manifest: Manifest
  /** What made it, where that is not the engine, device and versions of this run. */
  readonly madeBy?: EngineIdentity
}

/**
 * Its own artifact, else with `any-engine` one that differs in engine, device or versions alone: of the same engine where
 * there is one, the newest of these. What was measured on a machine and its engine is taken for nothing else.
 */
export const findArtifact = Effect.fnUntraced(function* (
  identity: StageIdentity,
  reuse: Reuse,
): Effect.fn.Return<FoundArtifact | undefined, StoreError, Store> {
  const store = yield* Store
  const own = yield* store.lookup(fingerprintOf(identity))
  if (own !== undefined) return { manifest: own }
  if (reuse === 'same-engine' || identity.engine === null || identity.machine !== undefined) return undefined
  const [manifest] = yield* store.lookupAnyEngine(identity)
  if (manifest === undefined) return undefined
  const madeBy = manifest.identity.engine
  return madeBy === null ? { manifest } : { manifest, madeBy }
})
