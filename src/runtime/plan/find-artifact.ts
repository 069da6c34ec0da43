/** The stored artifact of a stage run, if there is one that will do. */
import { fingerprintOf, type EngineIdentity, type StageIdentity } from './fingerprint.js'
import type { Reuse } from './prepare.js'
import type { Manifest, Store } from '../store/store.js'

export interface FoundArtifact {
  readonly manifest: Manifest
  /** Whether its bytes are known to be as published, so that it may be used without a further look. */
  readonly isWhole: boolean
  /** What made it, where that is not the engine, device and versions of this run. */
  readonly madeBy?: EngineIdentity
}

const fromAnyEngine = (store: Store['Service'], identity: StageIdentity, reuse: Reuse): FoundArtifact | undefined => {
  if (reuse === 'same-engine' || identity.engine === null || identity.machine !== undefined) return undefined
  const [manifest] = store.lookupAnyEngine(identity)
  if (manifest === undefined) return undefined
  const madeBy = manifest.identity.engine
  return { manifest, isWhole: false, ...(madeBy === null ? {} : { madeBy }) }
}

/**
 * Its own artifact, else with `any-engine` one that differs in engine, device or versions alone: of the same engine where
 * there is one, the newest of these. What was measured on a machine and its engine is taken for nothing else.
 */
export const findArtifact = (
  store: Store['Service'],
  identity: StageIdentity,
  reuse: Reuse,
): FoundArtifact | undefined => store.find(fingerprintOf(identity)) ?? fromAnyEngine(store, identity, reuse)
