/**
 * A file of artifacts that goes from one store to another: a tar with `genepool.json` first, then files under the names
 * that they have in a store, manifests last.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import type { ReadEntry } from 'tar'
import { isInnerName } from '../../base/files.js'
import { isObject } from '../../base/objects.js'
import { type AcceptedEdit, parseAcceptedEdits } from '../code/accepted-edits.js'
import { UsageError } from '../errors.js'
import { describeScheme, fingerprintOf, keyScheme } from '../fingerprint.js'
import { contentOf, decodeManifest, isSha256, type Manifest, storedFilesOf } from '../store/manifest.js'
import type { Entry } from '../store/stored-entries.js'
import { isCodeRecordText, type OnProgress } from './verify-store.js'

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

interface ArchiveEntry {
  readonly kind: EntryKind
  /** The hash in its name; of a run its id; '' of the edits that were accepted. */
  readonly key: string
}

/** What an entry is, by its name: anything that is no such file of a store is none. */
const entryOf = (name: string): ArchiveEntry | undefined => {
  for (const [kind, pattern] of Object.entries(patterns) as [EntryKind, RegExp][]) {
    const found = pattern.exec(name)
    if (found !== null) return { kind, key: (kind === 'run' ? found[1] : found[2]) ?? '' }
  }
  return undefined
}

/** The files in which a run is recorded. */
export const isOfRun = (run: string, { name }: Entry): boolean => name === run || name.startsWith(`${run}.`)

/** What a manifest, a record or the header may be at most: they are read into memory. */
const maxTextBytes = 512 * 2 ** 20

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

const readHeader = (text: string): ArchiveHeader => {
  let header: Partial<ArchiveHeader>
  try {
    header = JSON.parse(text) as Partial<ArchiveHeader>
  } catch {
    throw refuse('it is no file that genepool store export wrote')
  }
  const { format, keyScheme: scheme, genepool } = header
  if (typeof format !== 'number' || typeof scheme !== 'number') {
    throw refuse('it is no file that genepool store export wrote')
  }
  if (format > archiveFormat || scheme > keyScheme) {
    throw new UsageError({
      message:
        format > archiveFormat
          ? `it has format ${format}, and this genepool reads format ${archiveFormat}`
          : `its keys are ${describeScheme(scheme)}, and this genepool's are ${describeScheme(keyScheme)}: ` +
            'what it holds would not be found',
      hint: `import it with genepool ${String(genepool)} or later`,
    })
  }
  return header as ArchiveHeader
}

const readManifestEntry = (name: string, key: string, text: string): Manifest => {
  const manifest = decodeManifest(text)
  const isSound =
    manifest !== undefined &&
    isObject(manifest.made) &&
    manifest.fingerprint === key &&
    fingerprintOf(manifest.identity) === key &&
    contentOf(manifest.files, manifest.summary) === manifest.content
  if (!isSound) throw refuse(`${name} is damaged`)
  for (const inner of Object.keys(manifest.files)) {
    if (!isInnerName(inner)) throw refuse(`${name} names the file '${inner}', which would lie outside its artifact`)
  }
  for (const { sha256, bytes } of storedFilesOf(manifest)) {
    if (!isSha256(sha256) || !Number.isSafeInteger(bytes)) throw refuse(`${name} is damaged`)
  }
  return manifest
}

const readAccepted = (name: string, text: string): readonly AcceptedEdit[] => {
  try {
    return parseAcceptedEdits(text)
  } catch {
    throw refuse(`${name} is damaged`)
  }
}

class Reader {
  readonly #folder: string
  readonly #seen = new Set<string>()
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
      if (name !== headerName) throw refuse('it is no file that genepool store export wrote')
      return this.#text(size, (text) => (this.header = readHeader(text)))
    }
    this.#bytes += size
    if (this.#bytes > this.header.bytes) throw refuse('it is larger than it says')
    const entry = entryOf(name)
    if (entry === undefined) throw refuse(`it names '${name}', which is no file of a store`)
    return entry.kind === 'blob' ? this.#blob(name, entry) : this.#text(size, (text) => this.#record(name, entry, text))
  }

  #text(size: number, then: (text: string) => void): ReturnType<Reader['begin']> {
    if (size > maxTextBytes) throw refuse('a record in it is too large')
    const chunks: Buffer[] = []
    return { write: (chunk) => chunks.push(chunk), end: () => then(Buffer.concat(chunks).toString('utf8')) }
  }

  #record(name: string, { kind, key }: ArchiveEntry, text: string): void {
    if (kind === 'manifest') this.manifests.push(readManifestEntry(name, key, text))
    else if (kind === 'code') {
      if (!isCodeRecordText(key, text)) throw refuse(`${name} is damaged`)
      this.codes.set(key, text)
    } else if (kind === 'accepted') this.accepted = readAccepted(name, text)
    else this.runs.set(name, text)
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
    if (header === undefined) throw refuse('it is no file that genepool store export wrote')
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
    parser.write(chunk as Buffer)
    if (failure !== undefined) throw failure
    onProgress((done += (chunk as Buffer).length), total)
  }
  parser.end()
  await ended
  if (failure !== undefined) throw failure
  return reader.finish()
}
