/**
 * Stages that go on from a shorter run of themselves (`StageKind.extends`). The shorter one is looked up by its own
 * fingerprint, so that nothing but artifacts has to be stored. It is never one of another engine: the result would then
 * be the work of two engines under the name of one.
 */
import * as Effect from 'effect/Effect'
import type { StoreError } from '../errors.js'
import type { Reason } from '../events.js'
import { fingerprintOf, type StageIdentity } from '../fingerprint.js'
import type { Extends, StageKind } from '../stage-contract.js'
import { type Manifest, Store } from '../store/store.js'

type Data = Readonly<Record<string, unknown>>

/** The object with another value at `path`; undefined takes it out. */
const withValue = (object: object, path: string, value: unknown): object => {
  const [key, ...rest] = path.split('.')
  const { [key!]: old, ...others } = object as Data
  if (rest.length > 0) return { ...object, [key!]: withValue((old ?? {}) as object, rest.join('.'), value) }
  return value === undefined ? others : { ...object, [key!]: value }
}

/** What a path of keys leads to: `train.epochs`. */
export const valueAt = (object: object, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (value as Data | undefined)?.[key], object)

/** The parameters without the one that the artifact does not depend on. */
export const identifyingParams = ({ extends: by }: StageKind, params: object): object =>
  by?.every === undefined || valueAt(params, by.every) === undefined ? params : withValue(params, by.every, undefined)

/** How a stage with these parameters extends; undefined where it does not. */
export const extensionBy = ({ extends: by }: StageKind, params: object): Extends | undefined =>
  by === undefined || by.refuses?.(params) !== undefined || !Number.isSafeInteger(valueAt(params, by.at))
    ? undefined
    : by

/** The same stage, had it ended after `at`. */
export const endingAt = (by: Extends, identity: StageIdentity, at: number): StageIdentity => ({
  ...identity,
  params: withValue(identity.params, by.at, at),
})

export interface Shorter {
  readonly at: number
  readonly manifest: Manifest
}

interface ShorterStages {
  /** The longest first. */
  readonly there: readonly Shorter[]
  readonly missing: readonly number[]
}

/** Which of the stages that end earlier are in the store; `many` false looks for the longest one alone. */
export const shorterStages = Effect.fnUntraced(function* (
  by: Extends,
  identity: StageIdentity,
  many: boolean,
): Effect.fn.Return<ShorterStages, StoreError, Store> {
  const store = yield* Store
  const there: Shorter[] = []
  const missing: number[] = []
  for (let at = (valueAt(identity.params, by.at) as number) - 1; at > 0; at--) {
    const manifest = store.lookup(fingerprintOf(endingAt(by, identity, at)))
    if (manifest === undefined) missing.push(at)
    else there.push({ at, manifest })
    if (there.length > 0 && !many) break
  }
  return { there, missing }
})

/** Of these ends, those whose stages are to be kept on the way. */
export const keptOnTheWay = (by: Extends, params: object, ends: readonly number[]): readonly number[] => {
  const every = (by.every === undefined ? undefined : valueAt(params, by.every)) ?? 1
  return typeof every === 'number' && every > 0 ? ends.filter((at) => at % every === 0) : []
}

/** Only its end has moved since, and what follows from it. */
const onlyEndMoved = (by: Extends, reasons: readonly Reason[]): boolean => {
  const moved = reasons.flatMap((reason) => (reason.type === 'parameter-changed' ? [reason] : []))
  const end = moved.find(({ parameter }) => parameter === by.at)
  return (
    moved.length === reasons.length &&
    end !== undefined &&
    end.before !== 0 &&
    end.now !== 0 &&
    moved.every(({ parameter }) => parameter === by.at || by.follow?.includes(parameter) === true)
  )
}

/** Why a stage whose end alone has moved begins anew, where that follows from its parameters. */
export const refusalOf = (
  { extends: by }: StageKind,
  params: object,
  reasons: readonly Reason[],
): readonly Reason[] => {
  if (by === undefined || !onlyEndMoved(by, reasons)) return []
  const because = by.refuses?.(params)
  return because === undefined ? [] : [{ type: 'from-start', because }]
}

/** From where a stage whose artifact is not there goes on. */
export const beginningOf = Effect.fnUntraced(function* (
  kind: StageKind,
  identity: StageIdentity,
): Effect.fn.Return<readonly Reason[], StoreError, Store> {
  const by = extensionBy(kind, identity.params)
  if (by === undefined) return []
  const [longest] = (yield* shorterStages(by, identity, false)).there
  return longest === undefined ? [] : [{ type: 'goes-on', at: longest.at, unit: by.unit }]
})
