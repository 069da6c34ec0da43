/**
 * What passes between a run and the process that computes one stage: a job file in, one JSON message a line out. Any
 * executor that can start `worker.js JOB` somewhere with the store in reach can compute stages.
 */
import type { Json } from '../dsl/nodes.js'
import type { StageFailure } from './events.js'
import type { EngineChoice, InputArtifact, Progress, StageEntry } from './stage-contract.js'

export interface Job {
  readonly stage: string
  readonly module: string
  readonly entry: StageEntry
  readonly params: object
  readonly inputs: Readonly<Record<string, InputArtifact>>
  readonly sources: Readonly<Record<string, string>>
  readonly outDir: string
  readonly checkpointDir: string
  readonly engine: EngineChoice
}

export type WorkerMessage =
  | ({ readonly type: 'progress'; readonly imagesPerSecond?: number; readonly secondsLeft?: number } & Progress)
  | { readonly type: 'done'; readonly summary: Readonly<Record<string, Json>> }
  | ({ readonly type: 'failed' } & StageFailure)
  /** The worker was asked to stop and has saved what its checkpoint needs. */
  | { readonly type: 'interrupted' }

/** The descriptor on which a worker writes its messages; stdout stays free for whatever a stage prints. */
export const messageDescriptor = 3
