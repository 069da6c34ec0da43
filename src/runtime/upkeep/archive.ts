/**
 * A file of artifacts that goes from one store to another: a tar with `genepool.json` first, then files under the names
 * that they have in a store, manifests last.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import type { ReadEntry } from 'tar'
import { type AcceptedEdit, parseAcceptedEdits } from '../code/accepted-edits.js'
import { parseCodeRecord } from '../code/record-store.js'
import { UsageError } from '../errors.js'
import { describeScheme, fingerprintOf, keyScheme } from '../fingerprint.js'
import { recordOfText } from '../records/run-log.js'
import { lineShape } from '../records/run-shapes.js'
import { countShape, recordShape, textReaderOf, textShape, timeShape, WrongShape } from '../shape.js'
import { contentOf, decodeManifest, type Manifest } from '../store/manifest.js'
import type { Entry } from '../store/stored-entries.js'
import type { OnProgress } from './verify-store.js'

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

type EntryKind = 'blob' | 'code' | 'accepted' | 'run' | 'manifest'

const patterns: Readonly<Record<EntryKind, RegExp>> = {
  blob: /^blobs\/([0-9a-f]{2})\/(\1[0-9a-f]{62})$/,
  code: /^code\/([0-9a-f]{2})\/(\1[0-9a-f]{62})\.json$/,
  accepted: /^code\/accepted\.json$/,
  manifest: /^actions\/([0-9a-f]{2})\/(\1[0-9a-f]{62})\.json$/,
  // A run's records: files that begin with its id, or lie in a folder of its name.
  run: /^runs\/(\d{8}-[\w-]+)((?:\.[\w-]+)+|(?:\/[\w-]+(?:\.[\w-]+)*)+)$/,
}

/** Of each part of an entry's name: while a file is being written its name is longer than it will be. */
const mostPartLetters = 200

interface ArchiveEntry {
  readonly kind: EntryKind
  /** The hash in its name; of a run its id; '' of the edits that were accepted. */
  readonly key: string
}

/** What an entry is, by its name: anything that is no such file of a store is none. */
const entryOf = (name: string): ArchiveEntry | undefined => {
  if (name.split('/').some((part) => part.length > mostPartLetters)) return undefined
  for (const [kind, pattern] of Object.entries(patterns) as [EntryKind, RegExp][]) {
    const found = pattern.exec(name)
    if (found !== null) return { kind, key: (kind === 'run' ? found[1] : found[2]) ?? '' }
  }
  return undefined
}

/** The files in which a run is recorded. */
export const isOfRun = (run: string, { name }: Entry): boolean => name === run || name.startsWith(`${run}.`)

/** What a manifest, a record or the header may be at most: they are read into memory. */
const maxTextBytes = 256 * 2 ** 20

export interface ReadArchive {
  readonly header: ArchiveHeader
  /** Where each file lies now, by its hash. */
  readonly blobs: ReadonlyMap<string, string>
  readonly codes: ReadonlyMap<string, string>
  readonly accepted: readonly AcceptedEdit[]
  /** By name inside the store. */
  readonly runs: ReadonlyMap<string, string>
  readonly manifests: readonly Manifest[]
}

const refuse = (message: string): UsageError => new UsageError({ message })

const notExported = 'it is no file that genepool store export wrote'

/** What of a header says whether the rest can be read. */
const readVersions = textReaderOf(
  recordShape<Pick<ArchiveHeader, 'format' | 'keyScheme' | 'genepool'>>({
    format: countShape,
    keyScheme: countShape,
    genepool: textShape,
  }),
)

const readWhole = textReaderOf(
  recordShape<ArchiveHeader>({
    format: countShape,
    keyScheme: countShape,
    genepool: textShape,
    exportedAt: timeShape,
    of: textShape,
    artifacts: countShape,
    entries: countShape,
    bytes: countShape,
  }),
)

const readHeader = (text: string): ArchiveHeader => {
  const { format, keyScheme: scheme, genepool } = readVersions(text)
  if (format > archiveFormat || scheme > keyScheme) {
    throw new UsageError({
      message:
        format > archiveFormat
          ? `it has format ${format}, and this genepool reads format ${archiveFormat}`
          : `its keys are ${describeScheme(scheme)}, and this genepool's are ${describeScheme(keyScheme)}: ` +
            'what it holds would not be found',
      hint: `import it with genepool ${genepool} or later`,
    })
  }
  return readWhole(text)
}

const readManifestEntry = (key: string, text: string): Manifest => {
  const manifest = decodeManifest(text)
  const isSound =
    manifest.fingerprint === key &&
    fingerprintOf(manifest.identity) === key &&
    contentOf(manifest.files, manifest.summary) === manifest.content
  if (!isSound) throw new WrongShape('its hashes are not those of what it says')
  return manifest
}

const readRunLine = textReaderOf(lineShape)

/** The record of a run that was killed may end in half a line. */
const checkRunEntry = (name: string, run: string, text: string): void => {
  if (!name.endsWith('.ndjson')) return
  const { damage } = recordOfText(run, text, readRunLine)
  if (damage !== undefined) throw new WrongShape(damage)
}

/** How files begin that hold another one in fewer bytes. */
const compressed: Readonly<Record<string, readonly number[]>> = {
  gzip: [0x1f, 0x8b],
  zstd: [0x28, 0xb5, 0x2f, 0xfd],
  xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
  bzip2: [0x42, 0x5a, 0x68],
}

/**
 * Refuses what is no plain tar with the header first. A reader of tars would unpack it on its way, and how much would
 * come of that nobody knows before.
 */
const checkBeginning = (beginning: Buffer): void => {
  if (beginning.subarray(0, headerName.length + 1).equals(Buffer.from(`${headerName}\0`))) return
  const found = Object.entries(compressed).find(([, bytes]) => bytes.every((byte, at) => beginning[at] === byte))
  if (found === undefined) throw refuse(notExported)
  throw new UsageError({
    message: `it is compressed (${found[0]}), and an export is a plain tar`,
    hint: `unpack it first, for instance with ${found[0]} -d`,
  })
}

class Reader {
  readonly #folder: string
  readonly #seen = new Set<string>()
  readonly #folders = new Set<string>()
  header: ArchiveHeader | undefined
  readonly blobs = new Map<string, string>()
  readonly codes = new Map<string, string>()
  readonly runs = new Map<string, string>()
  accepted: readonly AcceptedEdit[] = []
  readonly manifests: Manifest[] = []
  #bytes = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Takes an entry's bytes as they come; throws for one that is not what it should be. */
  begin(name: string, type: string, size: number): { write: (chunk: Buffer) => void; end: () => void } {
    if (type !== 'File' && type !== 'OldFile') throw refuse(`'${name}' is a ${type}, where only files may be`)
    if (this.#seen.has(name)) throw refuse(`'${name}' is in it twice`)
    this.#seen.add(name)
    if (this.header === undefined) {
      if (name !== headerName) throw refuse(notExported)
      return this.#text(name, size, (text) => (this.header = readHeader(text)))
    }
    if (this.#seen.size - 1 > this.header.entries) throw refuse('it has more entries than it says')
    this.#bytes += size
    if (this.#bytes > this.header.bytes) throw refuse('it is larger than it says')
    const entry = entryOf(name)
    if (entry === undefined) throw refuse(`it names '${name}', which is no file of a store`)
    this.#checkPlace(name)
    if (entry.kind === 'blob') return this.#blob(name, entry)
    return this.#text(name, size, (text) => this.#record(name, entry, text))
  }

  /** No entry may be the folder of another. */
  #checkPlace(name: string): void {
    for (let end = name.indexOf('/'); end >= 0; end = name.indexOf('/', end + 1)) {
      const folder = name.slice(0, end)
      if (this.#seen.has(folder)) throw refuse(`'${name}' lies in '${folder}', which is a file`)
      this.#folders.add(folder)
    }
    if (this.#folders.has(name)) throw refuse(`'${name}' is a file, and others lie in it`)
  }

  #text(name: string, size: number, then: (text: string) => void): ReturnType<Reader['begin']> {
    if (size > maxTextBytes) throw refuse(`${name} is too large`)
    const chunks: Buffer[] = []
    const end = (): void => {
      try {
        then(Buffer.concat(chunks).toString('utf8'))
      } catch (cause) {
        throw cause instanceof WrongShape ? refuse(`${name} is damaged: ${cause.message}`) : cause
      }
    }
    return { write: (chunk) => chunks.push(chunk), end }
  }

  #record(name: string, { kind, key }: ArchiveEntry, text: string): void {
    if (kind === 'manifest') this.manifests.push(readManifestEntry(key, text))
    else if (kind === 'code') {
      parseCodeRecord(key, text)
      this.codes.set(key, text)
    } else if (kind === 'accepted') this.accepted = parseAcceptedEdits(text)
    else {
      checkRunEntry(name, key, text)
      this.runs.set(name, text)
    }
  }

  #blob(name: string, { key }: ArchiveEntry): ReturnType<Reader['begin']> {
    const place = path.join(this.#folder, key)
    const hash = createHash('sha256')
    const descriptor = fs.openSync(place, 'wx')
    return {
      write: (chunk) => {
        hash.update(chunk)
        fs.writeFileSync(descriptor, chunk)
      },
      end: () => {
        fs.closeSync(descriptor)
        if (hash.digest('hex') !== key) throw refuse(`${name} is damaged`)
        this.blobs.set(key, place)
      },
    }
  }

  finish(): ReadArchive {
    const { header, blobs, codes, accepted, runs, manifests } = this
    if (header === undefined) throw refuse(notExported)
    if (this.#seen.size - 1 !== header.entries) throw refuse('it is cut short')
    for (const { stage, files } of manifests) {
      const missing = Object.entries(files).find(([, { sha256 }]) => !blobs.has(sha256))
      if (missing !== undefined) throw refuse(`it lacks ${missing[0]} of ${stage}`)
    }
    return { header, blobs, codes, accepted, runs, manifests }
  }
}

/**
 * Reads an archive file by file and believes nothing of it: names, sizes and hashes are checked. Blobs come to lie in
 * `folder`. Rejects with a UsageError for anything but a whole archive.
 */
export const readArchive = async (
  file: string,
  folder: string,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<ReadArchive> => {
  const { Parser } = await import('tar')
  const reader = new Reader(folder)
  const total = fs.statSync(file).size
  let failure: unknown
  const guarded = <A>(step: () => A): A | undefined => {
    if (failure !== undefined) return undefined
    try {
      return step()
    } catch (cause) {
      failure = cause
      return undefined
    }
  }
  const parser = new Parser({
    strict: true,
    onReadEntry: (entry: ReadEntry) => {
      const into = guarded(() => reader.begin(entry.path, entry.type, entry.size))
      entry.on('data', (chunk: Buffer) => guarded(() => into?.write(chunk)))
      entry.on('end', () => guarded(() => into?.end()))
    },
  })
  parser.on(
    'error',
    (cause: unknown) => (failure ??= refuse(`it is no whole archive (${String((cause as Error).message)})`)),
  )
  const ended = new Promise<void>((resolve) => parser.on('end', resolve).on('error', () => resolve()))
  let done = 0
  for await (const chunk of fs.createReadStream(file, { highWaterMark: 1 << 20, signal })) {
    if (done === 0) checkBeginning(chunk as Buffer)
    parser.write(chunk as Buffer)
    if (failure !== undefined) throw failure
    onProgress((done += (chunk as Buffer).length), total)
  }
  parser.end()
  await ended
  if (failure !== undefined) throw failure
  return reader.finish()
}
