/**
 * Models of the Hugging Face hub, `hf:owner/name[@revision]`, where its libraries keep them on this machine: in
 * `models--owner--name`, the files' contents in `blobs`, a folder of links to them for each commit in `snapshots`, and
 * in `refs` which commit a branch or a tag was. What Python's libraries have downloaded is found there, and the other
 * way round. No network.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isInnerName, readTextIfThere } from '../../base/files.js'
import { home } from '../../base/cache-folder.js'
import { ModelFileError } from '../model/model-file-error.js'

const PREFIX = 'hf:'

export const isHubModel = (weights: string): boolean => weights.startsWith(PREFIX)

export interface HubModel {
  /** `owner/name`. */
  readonly name: string
  /** A branch, a tag or a commit. */
  readonly revision: string
}

export const COMMIT = /^[0-9a-f]{40}$/

/** Throws a ModelFileError where it is written wrong. */
export const readHubModel = (weights: string): HubModel => {
  const [, name, revision = 'main'] = /^hf:([\w.-]+\/[\w.-]+)(?:@(.+))?$/.exec(weights) ?? []
  if (name !== undefined && [name, revision].every(isInnerName)) return { name, revision }
  throw new ModelFileError(`${weights}: write hf:owner/name or hf:owner/name@revision`)
}

const set = (name: string): string | undefined => process.env[name] || undefined

/** Of all models, as the hub's libraries find it. */
export const hubFolder = (): string => {
  const cache = (): string => set('XDG_CACHE_HOME') ?? join(home(), '.cache')
  const all = (): string => join(set('HF_HOME') ?? join(cache(), 'huggingface'), 'hub')
  return set('HF_HUB_CACHE') ?? set('HUGGINGFACE_HUB_CACHE') ?? all()
}

export const folderOfModel = ({ name }: HubModel): string => join(hubFolder(), `models--${name.replace('/', '--')}`)

/** The folder with the files of a model. Throws a ModelFileError where it is not on this machine. */
export const snapshotOf = (weights: string): string => {
  const model = readHubModel(weights)
  const folder = folderOfModel(model)
  const { revision } = model
  const commit = COMMIT.test(revision) ? revision : readTextIfThere(join(folder, 'refs', revision))?.trim()
  const snapshot = commit === undefined || !COMMIT.test(commit) ? undefined : join(folder, 'snapshots', commit)
  if (snapshot !== undefined && existsSync(snapshot)) return snapshot
  throw new ModelFileError(`${weights}: is not on this machine (${folder}): genepool fetch ${weights} brings it`)
}
