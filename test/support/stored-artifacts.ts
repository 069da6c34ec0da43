/** A store as it lies on the disk, read without the code that is tested. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from '../../src/runtime/store/store.js'

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

const below = (folder: string): readonly string[] =>
  existsSync(folder)
    ? readdirSync(folder).flatMap((name) => readdirSync(join(folder, name)).map((each) => join(folder, name, each)))
    : []

/** Whole manifests; throws where a file in the place of one is anything else. */
export const manifestsOf = (store: string): readonly Manifest[] =>
  below(join(store, 'actions'))
    .filter((file) => !file.endsWith('.tmp'))
    .map((file) => {
      const text = readFileSync(file, 'utf8')
      const [sum, body] = [text.slice(0, 64), text.slice(65)]
      if (sum !== sha256(body)) throw new Error(`${file} is half a manifest`)
      return JSON.parse(body) as Manifest
    })

export const blobOf = (store: string, hash: string): string => join(store, 'blobs', hash.slice(0, 2), hash)

/**
 * Fingerprint → what is in `value.txt`, of every artifact that would be a hit. Throws where one is a hit and not what
 * it says: a hit is complete or it is a miss.
 */
export const hitsOf = (store: string): ReadonlyMap<string, string> => {
  const hits = new Map<string, string>()
  for (const { fingerprint, files, stage } of manifestsOf(store)) {
    const isHit = Object.values(files).every(({ sha256: hash, bytes }) => {
      const blob = blobOf(store, hash)
      return existsSync(blob) && statSync(blob).size === bytes
    })
    if (!isHit) continue
    for (const [name, file] of Object.entries(files)) {
      const bytes = readFileSync(blobOf(store, file.sha256))
      if (sha256(bytes) !== file.sha256) throw new Error(`${name} of ${stage} is not what its manifest says`)
      if (name === 'value.txt') hits.set(fingerprint, bytes.toString('utf8'))
    }
  }
  return hits
}
