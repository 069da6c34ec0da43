/** Every way in which the runtime can fail: one class a boundary, each with a sentence for the user. */
import * as Effect from 'effect/Effect'
import * as Schema from 'effect/Schema'
import { sentenceOf } from '../base/errors.js'
import { isObject } from '../base/objects.js'
import type { Place } from '../dsl/place.js'

/** What code of a stage threw, as its worker tells it. */
export interface ThrownError {
  readonly message: string
  /** Where: of its frames the first in the user's own files; of one that has none, that of what caused it. */
  readonly place?: Place
  /** Down to the last frame in the user's own files; all of it where it has none. */
  readonly stack?: string
  /** Its `cause` and the errors that it gathers, each with its own. */
  readonly causes?: readonly ThrownError[]
}

const isPlace = (value: unknown): value is Place =>
  isObject(value) &&
  typeof value['file'] === 'string' &&
  [value['line'], value['column']].every((number) => typeof number === 'number')

export const isThrownError = (value: unknown): value is ThrownError => {
  if (!isObject(value) || typeof value['message'] !== 'string') return false
  const { place, stack, causes } = value
  return (
    (place === undefined || isPlace(place)) &&
    (stack === undefined || typeof stack === 'string') &&
    (causes === undefined || (Array.isArray(causes) && causes.every(isThrownError)))
  )
}

/** A stage's own failure, with a sentence for the user: bad data, an engine that does not load, a loss that is NaN. */
export class StageError extends Schema.TaggedError<StageError>()('StageError', {
  message: Schema.String,
  /** What to do about it, where that is known. */
  hint: Schema.optionalKey(Schema.String),
  /** The external file that is not there, where that is what is wrong. */
  path: Schema.optionalKey(Schema.String),
  /**
   * The file that changed while the stage ran, where its result was thrown away for that: the stage itself may be
   * right.
   */
  changed: Schema.optionalKey(Schema.String),
  /** What its code threw, where that was told by a worker. */
  thrown: Schema.optionalKey(Schema.declare(isThrownError)),
  cause: Schema.optionalKey(Schema.Defect()),
}) {}

/**
 * A worker that ended, or had to be ended, without saying why: a signal, a crash, silence. It may go better another
 * time.
 */
export class WorkerCrash extends Schema.TaggedError<WorkerCrash>()('WorkerCrash', {
  message: Schema.String,
  hint: Schema.optionalKey(Schema.String),
  /** What ended it, where it could still tell. */
  thrown: Schema.optionalKey(Schema.declare(isThrownError)),
  cause: Schema.optionalKey(Schema.Defect()),
}) {}

/** The definition or the call is wrong: nothing has been run. Exit code 2. */
export class UsageError extends Schema.TaggedError<UsageError>()('UsageError', {
  message: Schema.String,
  hint: Schema.optionalKey(Schema.String),
  cause: Schema.optionalKey(Schema.Defect()),
}) {}

/** The store cannot be read or written: a full disk, a missing right. */
export class StoreError extends Schema.TaggedError<StoreError>()('StoreError', {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {}

/** Bytes in the store are not what they were when they were published; they have been moved to quarantine. */
export class CorruptArtifact extends Schema.TaggedError<CorruptArtifact>()('CorruptArtifact', {
  message: Schema.String,
  fingerprint: Schema.String,
}) {}

/** Makes a StoreError of what an operation threw; `failed` says what could not be done: `cannot read the store`. */
export const storeErrorOf =
  (failed: string) =>
  (cause: unknown): StoreError =>
    new StoreError({ message: `${failed}: ${sentenceOf(cause)}`, cause })

/** A StageError as it is; anything else that was thrown as the cause of one. */
export const asStageError = (cause: unknown): StageError =>
  cause instanceof StageError ? cause : new StageError({ message: sentenceOf(cause), cause })

/** Plain code as a step of a stage; what it throws fails the stage with a StageError. */
export const attempt = <A>(step: () => A): Effect.Effect<A, StageError> =>
  Effect.try({ try: step, catch: asStageError })

/** A promise as a step of a stage; what it rejects with fails the stage with a StageError. */
export const attemptAsync = <A>(step: () => Promise<A>): Effect.Effect<A, StageError> =>
  Effect.tryPromise({ try: step, catch: asStageError })
