/** What differs between the surroundings of two runs, place by place. */
import { canonical } from '../canonical.js'
import type { Json } from '../../dsl/nodes.js'
import type { RecordedEnvironment } from './run-environment.js'

export interface EnvironmentDifference {
  /** `git.commit`, `machine.processor`, `packages.versions.effect`. */
  readonly what: string
  readonly a: Json
  readonly b: Json
}

const leaves = (value: unknown, path: readonly string[], out: Map<string, Json>): Map<string, Json> => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, item] of Object.entries(value)) leaves(item, [...path, key], out)
  } else out.set(path.join('.'), value as Json)
  return out
}

/** In the order in which a record has them; what one of them lacks is null. */
export const environmentDifference = (
  a: RecordedEnvironment,
  b: RecordedEnvironment,
): readonly EnvironmentDifference[] => {
  const [before, now] = [leaves(a, [], new Map()), leaves(b, [], new Map())]
  return [...new Set([...before.keys(), ...now.keys()])]
    .map((what) => ({ what, a: before.get(what) ?? null, b: now.get(what) ?? null }))
    .filter((each) => canonical(each.a) !== canonical(each.b))
}
