/**
 * Brings a model from the Hugging Face hub. What its package would download by itself begins anew after each
 * interruption and is compared with nothing; here a download goes on where it ended, and a file is there once its bytes
 * have the hash that the hub states.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { errorCode, sentenceOf } from '../../base/errors.js'
import { makeFolder, readInto, withOpenFile, writeFileAtomic } from '../../base/files.js'
import { ModelFileError } from '../model/model-file-error.js'
import { COMMIT, folderOfModel, readHubModel } from './hub-cache.js'

interface Entry {
  readonly type: string
  readonly path: string
  readonly size: number
  /** Of git: sha1. */
  readonly oid?: string
  /** Of a large file: its sha256. */
  readonly lfs?: { readonly oid: string }
}

interface Asked {
  readonly revision: string
  readonly fetch: typeof fetch
  readonly hubUrl?: string
  readonly accessToken?: string
}

type Repository = Asked & { readonly repo: { readonly type: 'model'; readonly name: string } }

/** The part of the package's interface that is used here: it is not there for those whose weights are. */
interface Hub {
  readonly modelInfo: (
    asked: Asked & { readonly name: string; readonly additionalFields: readonly ['sha'] },
  ) => Promise<{ readonly sha: string }>
  readonly listFiles: (asked: Repository) => AsyncIterable<Entry>
  readonly downloadFile: (asked: Repository & { readonly path: string }) => Promise<Blob | null>
}

/** The user's own installation is preferred to the one that came with genepool. */
const loadHub = async (): Promise<Hub> => {
  for (const from of [join(process.cwd(), 'noop.js'), import.meta.url]) {
    try {
      return (await import(pathToFileURL(createRequire(from).resolve('@huggingface/hub')).href)) as Hub
    } catch (cause) {
      if (errorCode(cause) !== 'MODULE_NOT_FOUND') throw cause
    }
  }
  throw new ModelFileError(
    'models of the Hugging Face hub come by the npm package @huggingface/hub, which is not installed: ' +
      'npm install @huggingface/hub',
  )
}

/** Of what the model's folder holds, what is read. */
const wantedOf = (weights: string, entries: readonly Entry[]): readonly Entry[] => {
  const files = entries.filter(({ type, path }) => type === 'file' && !path.includes('/'))
  const named = (pattern: RegExp): readonly Entry[] => files.filter(({ path }) => pattern.test(path))
  const single = named(/^model\.safetensors$/)
  const tensors = single.length > 0 ? single : named(/^model(-\d+-of-\d+\.safetensors|\.safetensors\.index\.json)$/)
  if (tensors.length > 0) return [...named(/^(preprocessor_)?config\.json$/), ...tensors]
  const others = named(/\.(bin|pth?|ckpt|h5|msgpack|safetensors)$/).map(({ path }) => path)
  const has = others.length === 0 ? '' : `, only ${others.join(', ')}`
  throw new ModelFileError(`${weights}: has no model.safetensors${has}`)
}

/** The sha256 of a large file; of the others the sha1 that git gives them. */
const hashOf = (file: string, { size, lfs }: Entry): string =>
  withOpenFile(file, (descriptor) => {
    const hash = lfs === undefined ? createHash('sha1').update(`blob ${size}\0`) : createHash('sha256')
    const part = new Uint8Array(2 ** 20)
    for (let at = 0, read = part.length; read === part.length; at += read) {
      read = readInto(descriptor, part, at)
      hash.update(part.subarray(0, read))
    }
    return hash.digest('hex')
  })

const sizeOf = (file: string): number => fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0

export interface FetchedModel {
  /** Where its files are. */
  readonly folder: string
  readonly commit: string
  readonly files: readonly string[]
  /** Bytes of all files, and of those that were downloaded now. */
  readonly bytes: number
  readonly downloaded: number
}

/** How many bytes of how many are there. */
type OnBytes = (done: number, total: number) => void

/** What went wrong on the way to the hub, in a sentence. */
const reasonOf = (weights: string, cause: unknown): string => {
  const { statusCode } = cause as { readonly statusCode?: unknown }
  if (statusCode === 401 || statusCode === 403 || statusCode === 404) {
    return `${weights}: the hub has no such model or revision, or does not give it to everybody: set HF_TOKEN for one of yours`
  }
  if (statusCode !== undefined) return `${weights}: the hub answered with status ${String(statusCode)}; try again later`
  const { cause: behind } = cause as { readonly cause?: unknown }
  const why = errorCode(behind) ?? errorCode(cause) ?? sentenceOf(behind ?? cause)
  return `${weights}: the hub cannot be reached, or broke off (${why}); what has been downloaded is kept for the next try`
}

/**
 * Downloads what is missing of a model into the folder of the hub's libraries. `HF_ENDPOINT` names another hub,
 * `HF_TOKEN` opens models that are not for everybody. Rejects with a ModelFileError that says what to do; then there is
 * no snapshot of the model that was not there before.
 */
export const fetchModel = async (weights: string, signal: AbortSignal, onBytes: OnBytes): Promise<FetchedModel> => {
  const model = readHubModel(weights)
  const hub = await loadHub()
  const { HF_ENDPOINT: hubUrl, HF_TOKEN: accessToken } = process.env
  const asked = {
    fetch: (...[input, init]: Parameters<typeof fetch>) => fetch(input, { ...init, signal }),
    ...(hubUrl && { hubUrl: hubUrl.replace(/\/+$/, '') }),
    ...(accessToken && { accessToken }),
  }
  /** What the hub is asked, with its own errors as ours. */
  const ask = async <A>(question: () => Promise<A>): Promise<A> => {
    try {
      return await question()
    } catch (cause) {
      signal.throwIfAborted()
      throw cause instanceof ModelFileError ? cause : new ModelFileError(reasonOf(weights, cause), { cause })
    }
  }
  const { sha: commit } = await ask(() => hub.modelInfo({ ...model, ...asked, additionalFields: ['sha'] }))
  if (!COMMIT.test(commit)) throw new ModelFileError(`${weights}: the hub calls its commit ${JSON.stringify(commit)}`)
  const repository: Repository = { ...asked, repo: { type: 'model', name: model.name }, revision: commit }
  const entries = await ask(async () => {
    const all: Entry[] = []
    for await (const entry of hub.listFiles(repository)) all.push(entry)
    return all
  })
  const wanted = wantedOf(weights, entries).map((entry) => ({ entry, hash: entry.lfs?.oid ?? entry.oid ?? '' }))
  const odd = wanted.find(({ hash }) => !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash))
  if (odd !== undefined) throw new ModelFileError(`${weights}: the hub states no hash of ${odd.entry.path}`)
  const folder = folderOfModel(model)
  const blobOf = (hash: string): string => join(folder, 'blobs', hash)
  const total = wanted.reduce((sum, { entry }) => sum + entry.size, 0)
  let [before, downloaded] = [0, 0]
  for (const { entry, hash } of wanted) {
    if (!fs.existsSync(blobOf(hash))) {
      const part = `${blobOf(hash)}.incomplete`
      makeFolder(dirname(part))
      const has = sizeOf(part)
      const start = has > entry.size ? 0 : has
      if (start < entry.size) {
        await ask(async () => {
          const blob = await hub.downloadFile({ ...repository, path: entry.path })
          if (blob === null) throw new ModelFileError(`${weights}: the hub lists ${entry.path} and does not have it`)
          const file = fs.openSync(part, start === 0 ? 'w' : 'a')
          try {
            const stream = blob.slice(start).stream() as unknown as AsyncIterable<Uint8Array>
            for await (const bytes of stream) {
              signal.throwIfAborted()
              for (let at = 0; at < bytes.length;) at += fs.writeSync(file, bytes, at)
              downloaded += bytes.length
              onBytes(before + fs.fstatSync(file).size, total)
            }
            fs.fsyncSync(file)
          } finally {
            fs.closeSync(file)
          }
        })
      }
      if (sizeOf(part) !== entry.size || hashOf(part, entry) !== hash) {
        fs.rmSync(part)
        throw new ModelFileError(`${weights}: ${entry.path} came with other bytes than the hub states; fetch it again`)
      }
      fs.renameSync(part, blobOf(hash))
    }
    before += entry.size
  }
  const snapshot = join(folder, 'snapshots', commit)
  makeFolder(snapshot)
  for (const { entry, hash } of wanted) {
    const link = join(snapshot, entry.path)
    if (!fs.existsSync(link)) fs.symlinkSync(relative(snapshot, blobOf(hash)), link)
  }
  if (model.revision !== commit) writeFileAtomic(join(folder, 'refs', model.revision), commit)
  return { folder: snapshot, commit, files: wanted.map(({ entry }) => entry.path), bytes: total, downloaded }
}
