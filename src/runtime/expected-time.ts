/** How long a stage took before. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import type { Manifest } from './store.js'

type Times = ReadonlyMap<string, readonly number[]>

const keyOf = (stage: string, kind: string): string => `${kind}\0${stage}`

/** Milliseconds of every artifact in the store, by stage. */
export const readTimes = (root: string): Times => {
  const times = new Map<string, number[]>()
  const actions = path.join(root, 'actions')
  if (!fs.existsSync(actions)) return times
  for (const name of fs.readdirSync(actions, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.json')) continue
    try {
      const text = fs.readFileSync(path.join(actions, name), 'utf8')
      const { stage, identity, made } = JSON.parse(text.slice(text.indexOf('\n') + 1)) as Manifest
      const key = keyOf(stage, identity.kind)
      times.set(key, [...(times.get(key) ?? []), made.ms])
    } catch {
      // A damaged manifest tells no time.
    }
  }
  return times
}

/** Median of the times that the stage took before; undefined where it never ran. */
export const expectedMs = (times: Times, stage: string, kind: string): number | undefined => {
  const own = [...(times.get(keyOf(stage, kind)) ?? [])].sort((a, b) => a - b)
  return own[Math.floor(own.length / 2)]
}
