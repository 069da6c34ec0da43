/** What of a stage is held against what was stored: every byte where computing is exact, else figures or shape. */
import type { EngineIdentity, MachineIdentity } from '../plan/fingerprint.js'
import type { RecordedEnvironment } from './run-environment.js'
import type { StageKind } from '../stage-contract.js'
import type { Manifest } from '../store/store.js'

/** And why it is not every byte. */
export type Comparison =
  | { readonly of: 'bytes' }
  | { readonly of: 'figures'; readonly why: string }
  /** Names of files and figures alone. */
  | { readonly of: 'shape'; readonly why: string }

/** What computes now. */
export interface ComputedHere {
  readonly engine: EngineIdentity
  readonly machine: MachineIdentity
}

/** Engines on these devices give the same bytes every time. */
const exactDevices = ['cpu']

const sameVersions = (a: EngineIdentity, b: EngineIdentity): boolean => {
  const names = new Set([...Object.keys(a.versions), ...Object.keys(b.versions)])
  return [...names].every((name) => a.versions[name] === b.versions[name])
}

/** `then` is the environment in which the artifact was made; null where no record says. */
export const comparisonFor = (
  kind: Pick<StageKind, 'onMachine'>,
  { identity, made }: Pick<Manifest, 'identity' | 'made'>,
  { engine: now, machine }: ComputedHere,
  then: RecordedEnvironment | null,
): Comparison => {
  if (kind.onMachine === true) return { of: 'shape', why: 'it measures time, which is never the same twice' }
  const before = identity.engine
  if (before === null) return { of: 'bytes' }
  if (before.engine !== now.engine || before.device !== now.device || !sameVersions(before, now)) {
    return {
      of: 'figures',
      why: `it was made by another engine, device or version (${before.engine} on ${before.device})`,
    }
  }
  if (!exactDevices.includes(now.device)) {
    return { of: 'figures', why: `${now.engine} on ${now.device} does not compute the same bytes every time` }
  }
  const platform = `${process.platform}-${process.arch}`
  const processor = then?.machine.processor
  if (made.platform !== platform || (processor !== undefined && processor !== machine.processor)) {
    return { of: 'figures', why: `it was made on another machine (${processor ?? made.platform})` }
  }
  return { of: 'bytes' }
}
