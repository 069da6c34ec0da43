/** A manifest: one file that says what an artifact is made of, written with its own hash in the first line. */
import * as fs from 'node:fs'
import { isInnerName } from '../../base/files.js'
import type { Json } from '../../dsl/nodes.js'
import { hashOf } from '../canonical.js'
import { checkedText, readChecked } from '../checked-text.js'
import { identityShape, type StageIdentity } from '../fingerprint.js'
import type { TimeShares } from '../stage-contract.js'
import {
  countShape,
  dataShape,
  mapShape,
  numberShape,
  optionalShape,
  quickReaderOf,
  recordShape,
  sha256Shape,
  soundShape,
  textReaderOf,
  textShape,
  timeShape,
  valueShape,
  WrongShape,
} from '../shape.js'

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
    /** Of a training: where its time went, without what an interruption cut off. */
    readonly shares?: TimeShares
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

/** Bytes of a file's name, and of each part between its `/`: more than that some file systems do not take. */
const [mostNameBytes, mostPartBytes] = [1_024, 255]

/** As most are: nothing can be wrong with it. */
const plainName = /^\w[\w.-]{0,99}$/

const isShortEnough = (name: string): boolean =>
  Buffer.byteLength(name) <= mostNameBytes && name.split('/').every((part) => Buffer.byteLength(part) <= mostPartBytes)

/** What keeps an artifact's files from having these names, all of them in one folder; the words follow the name. */
export const flawOfNames = (
  names: readonly string[],
): { readonly name: string; readonly message: string } | undefined => {
  let all: ReadonlySet<string> | undefined
  for (const name of names) {
    if (plainName.test(name)) continue
    all ??= new Set(names)
    if (!isInnerName(name)) return { name, message: 'is no name of a file inside an artifact' }
    if (!isShortEnough(name)) return { name, message: 'is too long for the name of a file' }
    for (let end = name.indexOf('/'); end >= 0; end = name.indexOf('/', end + 1)) {
      if (all.has(name.slice(0, end))) return { name, message: `lies in ${name.slice(0, end)}, which is a file` }
    }
  }
  return undefined
}

const storedFileShape = recordShape<StoredFile>({ sha256: sha256Shape, bytes: countShape })

const filesShape = soundShape(mapShape(storedFileShape), (files) => {
  const flaw = flawOfNames(Object.keys(files))
  return flaw === undefined ? undefined : { path: [flaw.name], message: flaw.message }
})

const runShape = valueShape(
  (value): value is string => typeof value === 'string' && /^[\w-]{1,200}$/.test(value),
  'name of a run',
)

export const sharesShape = recordShape<TimeShares>({ input: numberShape, teacher: numberShape, step: numberShape })

export const madeShape = recordShape<Manifest['made']>({
  at: timeShape,
  ms: numberShape,
  node: textShape,
  platform: textShape,
  threads: numberShape,
  run: runShape,
  goesOnFrom: optionalShape(sha256Shape),
  milestoneOf: optionalShape(sha256Shape),
  shares: optionalShape(sharesShape),
  log: optionalShape(storedFileShape),
})

const manifestShape = recordShape<Manifest>({
  fingerprint: sha256Shape,
  stage: textShape,
  content: sha256Shape,
  files: filesShape,
  summary: dataShape,
  identity: identityShape,
  made: madeShape,
})

const decoderBy =
  (read: (body: string) => Manifest) =>
  (text: string): Manifest => {
    const body = readChecked(text)
    if (body === undefined) throw new WrongShape('it is not what its first line says')
    return read(body)
  }

/** Throws a WrongShape for anything but a text that `encodeManifest` gave. */
export const decodeManifest = decoderBy(textReaderOf(manifestShape))

const decodeOwn = decoderBy(quickReaderOf(manifestShape))

/** Whatever is wrong with a file of the store, or instead of it, it is no manifest. */
export const readManifest = (file: string): Manifest | undefined => {
  try {
    return decodeOwn(fs.readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
