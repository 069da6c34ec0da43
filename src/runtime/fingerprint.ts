/** Which stage run this is: everything that can change its artifact's bytes, and nothing else. */
import { hashOf } from './canonical.js'
import { type MachineIdentity, machineShape } from './machine.js'
import { type Reads, readsShape } from './reads.js'
import {
  countShape,
  dataShape,
  isData,
  isSha256,
  listShape,
  mapShape,
  nullableShape,
  optionalShape,
  recordShape,
  textShape,
  valueShape,
} from './shape.js'

/** What went into a fingerprint, one sentence a scheme; the last is this genepool's (`keyScheme`). */
export const keySchemes: Readonly<Record<number, string>> = {
  1: 'every version that an engine names, wherever it is imported',
  2: "an engine's versions only where it computes",
  3: 'every mode of the method as a parameter with its default',
  4: 'symbols instead of files',
  5: 'symbols as a tree shaker leaves them',
}

export const describeScheme = (scheme: number): string => {
  const about = keySchemes[scheme]
  return about === undefined ? `scheme ${scheme}` : `scheme ${scheme} (${about})`
}

/** Raised when what goes into a fingerprint changes its meaning: older artifacts are then not found any more. */
export const keyScheme = 5

export interface EngineIdentity {
  /** Engines round differently. */
  readonly engine: string
  /** So do devices of one engine. */
  readonly device: string
  /** And versions of the numeric libraries. */
  readonly versions: Readonly<Record<string, string>>
}

export interface StageIdentity {
  readonly scheme: number
  /** Two kinds may have equal parameters. */
  readonly kind: string
  /** With defaults filled in, so that spelling a default out changes nothing; the seed is one of them. */
  readonly params: object
  /** Content, not fingerprint, of what is read: an input rebuilt to the same bytes cuts off what follows. */
  readonly inputs: Readonly<Record<string, string>>
  /** sha256 of the files read from outside the store. */
  readonly sources: Readonly<Record<string, string>>
  /** sha256 of the code that computes it (`code/code-record.ts`); the packages that `engine` names are there alone. */
  readonly code: string
  /** Null for a stage that computes nothing with tensors: such an artifact serves every engine. */
  readonly engine: EngineIdentity | null
  /**
   * Only of a stage that measures time: its artifact holds for this machine and, whatever else will do, for this
   * engine.
   */
  readonly machine?: MachineIdentity
  /** Of a stage of the user's own, which is traced: what it vouches for (`stage(…, { trusts })`). */
  readonly trusts?: readonly string[]
  /** What it read besides, found when it was computed (`reads.ts`); absent where that was nothing. */
  readonly reads?: Reads
}

export const engineShape = recordShape<EngineIdentity>({
  engine: textShape,
  device: textShape,
  versions: mapShape(textShape),
})

/** Up to key scheme 3 it was a map of files and packages. */
const codeShape = valueShape((value): value is string => isSha256(value) || isData(value), 'sha256')

/** Hashes that are compared and shown, never looked up: their length will do, by which a run reads thousands sooner. */
const comparedShape = mapShape(
  valueShape((value): value is string => typeof value === 'string' && value.length === 64, 'sha256'),
)

export const identityShape = recordShape<StageIdentity>({
  scheme: countShape,
  kind: textShape,
  params: dataShape,
  inputs: comparedShape,
  sources: comparedShape,
  code: codeShape,
  engine: nullableShape(engineShape),
  machine: optionalShape(machineShape),
  trusts: optionalShape(listShape(textShape)),
  reads: optionalShape(readsShape),
})

/** sha256, hexadecimal. Throws NotPlainDataError where a parameter is not plain data. */
export const fingerprintOf = (identity: StageIdentity): string => hashOf(identity, 'stage')

/**
 * Under which artifacts are looked for: the same whatever engine computes and whatever is read besides, which is known
 * only once it is computed. Stage runs of equal keys differ in engine, device, versions and reads at most.
 */
export const searchKeyOf = ({ reads: _, ...identity }: StageIdentity): string =>
  hashOf({ ...identity, engine: identity.engine === null ? null : 'any' }, 'stage')

/** Whether an artifact that another engine, device or version made will do as well. */
export type Reuse = 'same-engine' | 'any-engine'
