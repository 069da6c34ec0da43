/** Two artifacts of one stage run, the stored one and one that was computed again: where they first differ. */
import * as fs from 'node:fs'
import type { Json } from '../../dsl/nodes.js'
import type { Manifest } from '../store/store.js'

export type ArtifactDifference =
  | { readonly type: 'missing-file' | 'new-file'; readonly file: string }
  /** `offset` is that of the first byte that differs. */
  | { readonly type: 'bytes'; readonly file: string; readonly offset: number }
  | { readonly type: 'summary'; readonly figure: string; readonly stored: Json; readonly now: Json }

const chunkBytes = 1 << 20

/** Offset of the first byte in which two files differ; where one goes on, its own next one. Undefined where they are equal. */
export const firstDifference = (a: string, b: string): number | undefined => {
  const [one, other] = [fs.openSync(a, 'r'), fs.openSync(b, 'r')]
  try {
    const [left, right] = [Buffer.alloc(chunkBytes), Buffer.alloc(chunkBytes)]
    for (let from = 0; ;) {
      const read = fs.readSync(one, left, 0, chunkBytes, from)
      const also = fs.readSync(other, right, 0, chunkBytes, from)
      const both = Math.min(read, also)
      if (left.compare(right, 0, both, 0, both) !== 0) {
        for (let at = 0; at < both; at++) if (left[at] !== right[at]) return from + at
      }
      if (read !== also) return from + both
      if (read === 0) return undefined
      from += read
    }
  } finally {
    fs.closeSync(one)
    fs.closeSync(other)
  }
}

/** Names of files alone. */
export const missingFile = (stored: Manifest, now: Manifest): ArtifactDifference | undefined => {
  const missing = Object.keys(stored.files).find((file) => now.files[file] === undefined)
  if (missing !== undefined) return { type: 'missing-file', file: missing }
  const added = Object.keys(now.files).find((file) => stored.files[file] === undefined)
  return added === undefined ? undefined : { type: 'new-file', file: added }
}

/** Every byte of every file. `pathsOf` gives where a file's bytes are, stored and now. */
export const differingFile = (
  stored: Manifest,
  now: Manifest,
  pathsOf: (file: string) => readonly [stored: string, now: string],
): ArtifactDifference | undefined => {
  const missing = missingFile(stored, now)
  if (missing !== undefined) return missing
  const file = Object.keys(stored.files).find((name) => stored.files[name]!.sha256 !== now.files[name]!.sha256)
  return file === undefined ? undefined : { type: 'bytes', file, offset: firstDifference(...pathsOf(file)) ?? 0 }
}
