/** What a file is known by. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'

/** Bytes and SHA-256. */
export const fileIdentity = async (
  file: string,
  signal: AbortSignal,
): Promise<{ readonly size: number; readonly sha256: string }> => {
  const hash = createHash('sha256')
  let size = 0
  const source = createReadStream(file)
  source.on('data', (chunk) => {
    size += chunk.length
  })
  await pipeline(source, hash, { signal })
  return { size, sha256: hash.digest('hex') }
}
