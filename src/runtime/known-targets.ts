/**
 * The pipelines and suites that have been run in a store: as long as its file is there, what a definition reaches is kept.
 * One small file for each of them on each engine.
 */
import * as fs from 'node:fs'
import { writeFileAtomic } from './atomic-file.js'
import { hashOf } from './canonical.js'
import type { Reuse } from './prepare.js'
import type { Store } from './store.js'

export interface KnownTarget {
  /** Absolute. */
  readonly file: string
  /** One cell of the suite in it, where only that was run. */
  readonly cell?: string | undefined
  /** As what its stages are remembered (`LastKnown`). */
  readonly name: string
  readonly engine: string
  readonly device: string
  readonly reuse: Reuse
}

const textOf = (file: string): string => {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

export const rememberTarget = (store: Store['Service'], target: KnownTarget): void => {
  const file = store.place('targets', `${hashOf(target).slice(0, 16)}.json`)
  const text = `${JSON.stringify(target)}\n`
  try {
    if (textOf(file) !== text) writeFileAtomic(file, text)
  } catch {
    // The next run that can write remembers it.
  }
}

const parse = (text: string): KnownTarget | undefined => {
  try {
    const target = JSON.parse(text) as KnownTarget
    const words = [target.file, target.name, target.engine, target.device, target.reuse]
    return words.every((word) => typeof word === 'string') ? target : undefined
  } catch {
    return undefined
  }
}

/** All of them, and the file in which each is remembered. */
export const knownTargets = (
  store: Store['Service'],
): readonly { readonly target: KnownTarget; readonly entry: string }[] => {
  const folder = store.place('targets')
  if (!fs.existsSync(folder)) return []
  return fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .flatMap((name) => {
      const entry = store.place('targets', name)
      const target = parse(textOf(entry))
      return target === undefined ? [] : [{ target, entry }]
    })
}
