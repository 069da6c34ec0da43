/** A manifest: one file that says what an artifact is made of, written with its own hash in the first line. */
import type { Json } from '../../dsl/nodes.js'
import { hashOf } from '../canonical.js'
import { checkedText, readChecked } from '../checked-text.js'
import type { StageIdentity } from '../fingerprint.js'

export interface StoredFile {
  readonly sha256: string
  readonly bytes: number
}

/** What is known of one artifact. Only `content` goes into the fingerprints of what reads it. */
export interface Manifest {
  readonly fingerprint: string
  readonly stage: string
  /** Hash over the files' names and bytes and the summary. */
  readonly content: string
  readonly files: Readonly<Record<string, StoredFile>>
  readonly summary: Readonly<Record<string, Json>>
  readonly identity: StageIdentity
  /** How it came about; never part of an identity. */
  readonly made: {
    readonly at: string
    readonly ms: number
    readonly node: string
    readonly platform: string
    readonly threads: number
    readonly run: string
    /** Of a stage that extends: what it was given to go on from, so that `ms` is the time of the rest. */
    readonly goesOnFrom?: string
    /** Of what a stage left on its way: the stage's own fingerprint; `ms` is its time so far. */
    readonly milestoneOf?: string
    /** What the stage printed, where it did. Without it the artifact is as good. */
    readonly log?: StoredFile
  }
}

/** All stored bytes that belong to an artifact. */
export const storedFilesOf = ({ files, made }: Manifest): readonly StoredFile[] => [
  ...Object.values(files),
  ...(made.log ? [made.log] : []),
]

export type ManifestDraft = Pick<Manifest, 'fingerprint' | 'stage' | 'summary' | 'identity' | 'made'>

export const contentOf = (files: Manifest['files'], summary: Manifest['summary']): string => hashOf({ files, summary })

export const encodeManifest = (manifest: Manifest): string => checkedText(JSON.stringify(manifest))

/** Undefined for anything but a text that `encodeManifest` gave. */
export const decodeManifest = (text: string): Manifest | undefined => {
  const body = readChecked(text)
  return body === undefined ? undefined : (JSON.parse(body) as Manifest)
}

const sha256Pattern = /^[0-9a-f]{64}$/

export const isSha256 = (value: unknown): value is string => typeof value === 'string' && sha256Pattern.test(value)
