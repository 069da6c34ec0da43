/**
 * A file of artifacts that goes from one store to another: a tar with `genepool.json` first, then files under the names
 * that they have in a store, manifests last.
 */
import type { Entry } from './stored-entries.js'

/** Raised when older genepools cannot read the file any more. */
export const archiveFormat = 1

export const headerName = 'genepool.json'

/** The first file of an archive. */
export interface ArchiveHeader {
  readonly format: number
  readonly keyScheme: number
  /** The version of the package that wrote it. */
  readonly genepool: string
  readonly exportedAt: string
  /** The pipeline, cell or run, in the words of the command line. */
  readonly of: string
  readonly artifacts: number
  /** Of all entries but this one. */
  readonly entries: number
  readonly bytes: number
}

export type EntryKind = 'blob' | 'code' | 'accepted' | 'run' | 'manifest'

const patterns: Readonly<Record<EntryKind, RegExp>> = {
  blob: /^blobs\/([0-9a-f]{2})\/(\1[0-9a-f]{62})$/,
  code: /^code\/([0-9a-f]{2})\/(\1[0-9a-f]{62})\.json$/,
  accepted: /^code\/accepted\.json$/,
  manifest: /^actions\/([0-9a-f]{2})\/(\1[0-9a-f]{62})\.json$/,
  // A run's records: files that begin with its id, or lie in a folder of its name.
  run: /^runs\/(\d{8}-[\w-]+)((?:\.[\w-]+)+|(?:\/[\w-]+(?:\.[\w-]+)*)+)$/,
}

export interface ArchiveEntry {
  readonly kind: EntryKind
  /** The hash in its name; of a run its id; '' of the edits that were accepted. */
  readonly key: string
}

/** What an entry is, by its name: anything that is no such file of a store is none. */
export const entryOf = (name: string): ArchiveEntry | undefined => {
  for (const [kind, pattern] of Object.entries(patterns) as [EntryKind, RegExp][]) {
    const found = pattern.exec(name)
    if (found !== null) return { kind, key: (kind === 'run' ? found[1] : found[2]) ?? '' }
  }
  return undefined
}

/** The files in which a run is recorded. */
export const isOfRun = (run: string, { name }: Entry): boolean => name === run || name.startsWith(`${run}.`)
