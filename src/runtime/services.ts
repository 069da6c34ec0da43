/** What the composition root gives the runtime: which kinds of stage exist, and what they can run on. */
import * as Context from 'effect/Context'
import type * as Effect from 'effect/Effect'
import type { UsageError } from './errors.js'
import type { EngineIdentity } from './fingerprint.js'
import type { EngineChoice, StageKind } from './stage-contract.js'

/** What was asked for, in the words of the command line. */
interface EngineRequest {
  readonly engine: string
  readonly device: string
  /** Whether stages are to be computed now, so that the engine has to load. */
  readonly toCompute: boolean
}

export interface ResolvedEngine {
  readonly identity: EngineIdentity
  readonly engine: EngineChoice['engine']
  readonly device: EngineChoice['device']
  /** Which of several devices of one class; results do not depend on it, so it is no part of the identity. */
  readonly deviceIndex?: number
  /** One sentence: why this one. */
  readonly why: string
}

/** A GPU as all runs of the machine call it. */
export interface GpuIdentity {
  /** `cuda:1`, counted among all of the machine's, not among those that this process is shown. */
  readonly id: string
  /** Its memory, where that is known. */
  readonly bytes?: number
}

/** The kinds of stage, known by name; nothing here loads a stage. */
export class StageKinds extends Context.Service<
  StageKinds,
  { readonly find: (kind: string) => StageKind | undefined }
>()('genepool/runtime/StageKinds') {}

/** Names the engine that a run uses, without loading it into this process. */
export class Engines extends Context.Service<
  Engines,
  {
    readonly resolve: (request: EngineRequest) => Effect.Effect<ResolvedEngine, UsageError>
    /**
     * Name of the device behind an engine, where that is known without loading anything; undefined for the processor.
     */
    readonly deviceName: (engine: ResolvedEngine) => string | undefined
    /**
     * The GPU behind an engine; undefined for the processor. May start a program: for stages that are about to compute.
     */
    readonly gpu?: (engine: ResolvedEngine) => GpuIdentity | undefined
    /** Every package whose version can be in an `EngineIdentity`. */
    readonly packages: readonly string[]
  }
>()('genepool/runtime/Engines') {}
