/**
 * The one thing that runtime and stages share: what a stage is given, what it gives back. The runtime calls a stage by
 * this contract inside a worker process and knows nothing of tensors; a stage knows nothing of stores and schedules.
 */
import type * as Effect from 'effect/Effect'
import type { Json, StageNode } from '../dsl/nodes.js'
import type { Place } from '../dsl/place.js'
import type { StageError } from './errors.js'

/** An artifact as a stage reads it: verified files by their name inside the artifact. */
export interface InputArtifact {
  /** File name inside the artifact (`model.safetensors`) → absolute path of its bytes. Never write to these. */
  readonly files: Readonly<Record<string, string>>
  /** What the stage that made it returned as `summary`. */
  readonly summary: Readonly<Record<string, Json>>
}

/** Where the time of a phase has gone, as shares that add up to 1. */
export interface TimeShares {
  /** Steps waited for their images. */
  readonly input: number
  /** They waited for the teacher's answers to them. */
  readonly teacher: number
  /** They were computed. */
  readonly step: number
}

/** How far a stage is; the worker passes it on at most ten times a second. */
export interface Progress {
  /** What is going on, in the field's words: `train`, `evaluate`, `least squares`. */
  readonly phase: string
  /** Steps done of this phase and in all. */
  readonly step: number
  readonly steps: number
  readonly epoch?: number
  readonly epochs?: number
  readonly loss?: number
  /** Top-1 on the validation images after the last epoch that ended. */
  readonly validationTop1?: number
  /** Of its time since it began in this process. */
  readonly shares?: TimeShares
  /** Images handled since the phase began in this process (a resumed phase counts from where it went on). */
  readonly images?: number
  /** Whether something was made ready in this step that later ones find: its time tells nothing of theirs. */
  readonly madeReady?: boolean
}

/** What the stage runs on, as it was resolved for this run. `threads` is not part of a stage's identity. */
export interface EngineChoice {
  readonly engine: 'onnxruntime' | 'tensorflow' | 'cpu'
  readonly device: 'cpu' | 'cuda' | 'webgpu'
  /** Which of several devices of one class, counted from 0; default 0. Not part of a stage's identity either. */
  readonly deviceIndex?: number
  readonly threads: number
  /** Versions of the numeric packages that the stage's identity names: it must not compute with others. */
  readonly versions?: Readonly<Record<string, string>>
}

/**
 * Of a stage that extends (`StageKind.extends`): where it may begin, and what it may leave on its way. Its artifact is
 * the same, to the byte on an engine that is deterministic, whatever it makes of either.
 */
export interface Extension {
  /** What the same stage left that ended after `at`, with its state then. */
  readonly from?: { readonly at: number; readonly artifact: InputArtifact }
  /**
   * To be called whenever as much as `at` is done. `leave` makes the artifact as if the stage ended there, in a folder
   * of its own; it is not called where nobody wants that artifact.
   */
  readonly deliver: (
    at: number,
    leave: (outDir: string) => Effect.Effect<StageSummary, StageError>,
  ) => Effect.Effect<void, StageError>
}

export interface StageContext<Params extends object = object> {
  readonly params: Params
  readonly inputs: Readonly<Record<string, InputArtifact>>
  /** External files that the stage's `sources` named, by role, verified against the hash in the fingerprint. */
  readonly sources: Readonly<Record<string, string>>
  /** Empty folder; every file the stage leaves here becomes part of its artifact, byte for byte. */
  readonly outDir: string
  /**
   * Folder that outlives an interruption: checkpoints of this very fingerprint. Deleted once the artifact is stored.
   */
  readonly checkpointDir: string
  readonly engine: EngineChoice
  readonly progress: (progress: Progress) => void
  /** There where the stage extends with these parameters. */
  readonly extension?: Extension
  /**
   * Says that the stage saves so many bytes when it is interrupted: it is given the time for that. Where nothing is
   * said, half a second. Absent where a stage runs outside a worker.
   */
  readonly savesWhenInterrupted?: (bytes: number) => void
  /**
   * Something that the user should know and that does not stop the stage. Absent where a stage runs outside a worker.
   */
  readonly warn?: (message: string) => void
}

/**
 * What a stage returns beside its files: figures for tables and manifests (`{ top1: 0.97 }`). Deterministic: never a
 * time or a path.
 */
export type StageSummary = Readonly<Record<string, Json>>

/**
 * A stage: interruptible between steps. On interruption it saves what its checkpoint needs, within half a second or,
 * where it has said so, the time that so many bytes take. The artifact must be a function of params, inputs, sources
 * and engine alone.
 */
export type StageFunction<Params extends object = object> = (
  context: StageContext<Params>,
) => Effect.Effect<StageSummary, StageError>

/**
 * A built-in stage's function is an export of its module; a user's was given to a `stage(…)` call of this name, at this
 * place.
 */
export type StageEntry = { readonly export: string } | { readonly call: string; readonly place: Place }

/** How long a stage works, where one that ends earlier is the beginning of one that ends later. */
export interface Extends {
  /** Path of the parameter that says when it ends, a whole number: `train.epochs`. */
  readonly at: string
  /** What that counts, for people: `epoch`. */
  readonly unit: string
  /**
   * Why a stage with these parameters that ends earlier is no beginning of it, as the end of a sentence; undefined
   * where it is. Must not depend on `at`.
   */
  readonly refuses?: (params: object) => string | undefined
  /** Parameters whose defaults follow from `at`: that they change with it is no other change. */
  readonly follow?: readonly string[]
  /**
   * Path of the parameter that says that every so many of its shorter stages are kept (0: none; left out: all). The
   * artifact must not depend on it: it is no part of the identity.
   */
  readonly every?: string
}

/** Images of a data set, by split. */
export type ImageCounts = Readonly<Record<'train' | 'test' | 'validation', number>>

/** What a stage computes for one image: by that its time tells of the same kind's with other models. */
export interface ImageWork {
  /** Models that each image goes through, one by one. */
  readonly models: number
  /** Multiply-accumulates of one of them, on average. */
  readonly macs: number
}

/** Where a stage is to run, and on what. */
export interface Prospect {
  readonly engine: EngineChoice['engine']
  /** Memory of the machine, as far as this process may have it. */
  readonly memoryBytes: number
  /** Images that the data of a stage have; undefined where that is not known yet. */
  readonly images: (node: StageNode) => ImageCounts | undefined
  /** External files of the stage itself, role → path; undefined where one is not there. */
  readonly files: Readonly<Record<string, string>> | undefined
}

/** What the runtime knows of a kind of stage without loading it. */
export interface StageKind {
  readonly kind: string
  /** Module that a worker imports for the stage's function. */
  readonly module: string
  /** How the function is found there; what it reaches is the stage's code identity. */
  readonly entry: StageEntry
  /** Whether the stage computes with an engine: then engine, device class and library versions are in its identity. */
  readonly usesEngine: boolean
  /** Whether the stage measures time: it runs when no other stage of any run on the machine computes. */
  readonly exclusive?: boolean
  /**
   * Whether the stage is cheap and pure, so that its worker's process may compute the next such stage of the same
   * module and code: it must keep nothing in memory that changes a result. Default: a fresh process for each stage.
   */
  readonly warm?: boolean
  /** Bytes that it needs on a GPU, roughly (docs/failures-and-resources.md); undefined where that is not known. */
  readonly gpuBytes?: (node: StageNode) => number | undefined
  /** Whether its result holds for one machine only: then processor, cores and device are in its identity. */
  readonly onMachine?: boolean
  /**
   * Of a stage that goes on from what a shorter one left: with equal parameters but for its end, one is the other's
   * beginning.
   */
  readonly extends?: Extends
  /**
   * Of a stage that gives images: how many, by its parameters and the headers of its files (role → path). Rejects with
   * a StageError where these are wrong.
   */
  readonly images?: (params: object, files: Readonly<Record<string, string>>) => Promise<ImageCounts>
  /**
   * What is known before the stage runs: gives what the user should know, a sentence each, and rejects with a
   * StageError where it cannot work.
   */
  readonly foresee?: (node: StageNode, prospect: Prospect) => Promise<readonly string[]>
  /** What it computes for an image, by the definition alone; undefined where that is not known. */
  readonly work?: (node: StageNode) => ImageWork | undefined
  /** External files the stage reads, role → absolute path; throws a StageError where one cannot be found. */
  readonly sources?: (params: object, baseDir: string, inputs: StageNode['inputs']) => Readonly<Record<string, string>>
}
