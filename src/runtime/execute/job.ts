/**
 * What passes between a run and the process that computes one stage: a job file in, one JSON message a line out. Any
 * executor that can start `worker-bin.js KIND JOB` somewhere with the store in reach can compute stages.
 */
import * as path from 'node:path'
import type { Json } from '../../dsl/nodes.js'
import { isObject } from '../../base/objects.js'
import { isThrownError, type ThrownError } from '../errors.js'
import type { Speed, StageFailure } from '../events.js'
import type { TraceOptions } from '../reads.js'
import type { EngineChoice, Extension, InputArtifact, Progress, StageEntry } from '../stage-contract.js'

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
  /** How often the worker gives a sign of life. */
  readonly heartbeatMs?: number
  readonly extension?: JobExtension
  /** Of a stage of the user's own: where what it reads is written down. */
  readonly trace?: TraceOptions
}

const minusZero = '\0genepool-minus-zero\0'

/** One line of JSON that says all of it: of the two zeros JSON.stringify knows one, JSON.parse both. */
export const encodeJob = (job: Job): string =>
  JSON.stringify(job, (_, value: unknown) => (Object.is(value, -0) ? minusZero : value)).replaceAll(
    JSON.stringify(minusZero),
    '-0',
  )

/** `Extension`, as it passes between processes. */
export interface JobExtension {
  readonly from?: Extension['from']
  /**
   * Ends of the shorter stages whose artifacts are wanted, and the folder below which they are left, each in its own.
   */
  readonly wanted: readonly number[]
  readonly folder: string
}

export type WorkerMessage =
  | ({ readonly type: 'progress' } & Progress & Speed)
  /** The artifact of the stage that ends after `at` is in its folder. */
  | { readonly type: 'milestone'; readonly at: number; readonly summary: Readonly<Record<string, Json>> }
  /** A sign of life from the worker's event loop, with the step that it is at. */
  | { readonly type: 'heartbeat'; readonly step?: number }
  /** When it is interrupted it saves so many bytes first. */
  | { readonly type: 'saves'; readonly bytes: number }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'done'; readonly summary: Readonly<Record<string, Json>> }
  | ({ readonly type: 'failed' } & StageFailure)
  /** Thrown where nobody waits for it: the process ends. */
  | ({ readonly type: 'thrown' } & ThrownError)
  /** The worker was asked to stop and has saved what its checkpoint needs. */
  | { readonly type: 'interrupted' }

/** What each message cannot be without. */
const parts: Readonly<Record<WorkerMessage['type'], Readonly<Record<string, 'string' | 'number' | 'object'>>>> = {
  progress: { phase: 'string' },
  milestone: { at: 'number', summary: 'object' },
  heartbeat: {},
  saves: { bytes: 'number' },
  warning: { message: 'string' },
  done: { summary: 'object' },
  failed: { message: 'string' },
  thrown: { message: 'string' },
  interrupted: {},
}

/** A stage's own code can write on the channel too: whether this is a message of the worker's. */
export const isWorkerMessage = (value: unknown): value is WorkerMessage => {
  if (!isObject(value) || typeof value['type'] !== 'string' || !Object.hasOwn(parts, value['type'])) return false
  const needed = Object.entries(parts[value['type'] as WorkerMessage['type']])
  if ('message' in value && !isThrownError(value)) return false
  return needed.every(([name, kind]) => (kind === 'object' ? isObject(value[name]) : typeof value[name] === kind))
}

const VARIABLE = 'GENEPOOL_WORKER'

export const markAsWorker = (): void => {
  process.env[VARIABLE] = '1'
}

/**
 * Whether this process computes stages: a definition that runs pipelines when it is imported would start them once
 * more.
 */
export const isInWorker = (): boolean => process.env[VARIABLE] === '1'

/** Where the artifact of the stage that ends after `at` is left. */
export const milestoneFolder = (folder: string, at: number): string => path.join(folder, String(at))
