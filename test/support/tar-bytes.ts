/** Archives taken apart and put together in memory, for what an export would never write. */
import { Header, Pax } from 'tar'

const block = 512

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((block - (bytes.length % block)) % block)])

/** Name → text or bytes, in the order of the file. */
export const entriesOfTar = (tar: Buffer): ReadonlyMap<string, Buffer> => {
  const entries = new Map<string, Buffer>()
  for (let at = 0; at < tar.length && tar[at] !== 0;) {
    const { path, size = 0 } = new Header(tar, at)
    entries.set(String(path), tar.subarray(at + block, at + block + size))
    at += block + Math.ceil(size / block) * block
  }
  return entries
}

export const tarOf = (entries: Iterable<readonly [name: string, contents: Buffer | string]>): Buffer => {
  const parts = [...entries].flatMap(([path, contents]) => {
    const bytes = Buffer.from(contents)
    const header = Buffer.alloc(block)
    const needsPax = new Header({ path, size: bytes.length, mode: 0o644, type: 'File' }).encode(header)
    return [...(needsPax ? [new Pax({ path }).encode()] : []), header, padded(bytes)]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}
