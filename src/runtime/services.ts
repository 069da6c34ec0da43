/** What the composition root gives the runtime: which kinds of stage exist, and what they can run on. */
import * as Context from 'effect/Context'
import type * as Effect from 'effect/Effect'
import type { UsageError } from './errors.js'
import type { EngineIdentity } from './fingerprint.js'
import type { EngineChoice, StageKind } from './stage-contract.js'

export type EngineRequest = 'auto' | EngineChoice['engine']

export interface ResolvedEngine {
  readonly identity: EngineIdentity
  readonly engine: EngineChoice['engine']
  readonly device: EngineChoice['device']
  /** One sentence: why this one. */
  readonly why: string
}

/** The kinds of stage, known by name; nothing here loads a stage. */
export class StageKinds extends Context.Service<
  StageKinds,
  { readonly find: (kind: string) => StageKind | undefined }
>()('genepool/runtime/StageKinds') {}

/** Names the engine that a run uses, without loading it. */
export class Engines extends Context.Service<
  Engines,
  { readonly resolve: (request: EngineRequest) => Effect.Effect<ResolvedEngine, UsageError> }
>()('genepool/runtime/Engines') {}
