/**
 * The pipelines and suites that have been run in a store: as long as its file is there, what a definition reaches is
 * kept. One small file for each of them on each engine, behind its own hash: a path with a flipped bit would be a file
 * that is gone.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { readTextOrEmpty, writeFileAtomic } from '../../base/files.js'
import { hashOf } from '../canonical.js'
import { checkedText, readChecked } from '../checked-text.js'
import type { Reuse } from '../fingerprint.js'
import { oneOfShape, optionalShape, recordShape, textReaderOf, textShape, valueShape } from '../shape.js'
import type { Store } from '../store/store.js'

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

export const rememberTarget = (store: Store['Service'], target: KnownTarget): void => {
  const file = store.place('targets', `${hashOf(target).slice(0, 16)}.json`)
  const text = checkedText(JSON.stringify(target))
  try {
    if (readTextOrEmpty(file) !== text) writeFileAtomic(file, text)
  } catch {
    // The next run that can write remembers it.
  }
}

const placeShape = valueShape((value): value is string => typeof value === 'string' && path.isAbsolute(value), 'path')

const read = textReaderOf(
  recordShape<KnownTarget>({
    file: placeShape,
    cell: optionalShape(textShape),
    name: textShape,
    engine: textShape,
    device: textShape,
    reuse: oneOfShape<Reuse>(['same-engine', 'any-engine']),
  }),
)

const parse = (text: string): KnownTarget | undefined => {
  try {
    // Older versions wrote it without its hash.
    return read(readChecked(text) ?? (text.startsWith('{') ? text : ''))
  } catch {
    return undefined
  }
}

interface KnownTargets {
  /** With the file in which each is remembered. */
  readonly whole: readonly { readonly target: KnownTarget; readonly entry: string }[]
  /** Files of which nobody can tell what they named. */
  readonly damaged: readonly string[]
}

export const knownTargets = (store: Store['Service']): KnownTargets => {
  const folder = store.place('targets')
  const names = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.endsWith('.json')) : []
  const read = names.sort().map((name) => {
    const entry = store.place('targets', name)
    return { entry, target: parse(readTextOrEmpty(entry)) }
  })
  return {
    whole: read.flatMap(({ entry, target }) => (target === undefined ? [] : [{ entry, target }])),
    damaged: read.flatMap(({ entry, target }) => (target === undefined ? [entry] : [])),
  }
}
