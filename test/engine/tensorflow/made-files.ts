/** Small files that look like TensorFlow's, for tests of what the build says of them. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { crc32, deflateRawSync } from 'node:zlib'

export interface TempFolder {
  readonly path: string
  /** Writes a file, with the folders that it needs; gives its path. */
  readonly write: (name: string, content: string | Uint8Array) => string
}

/** A folder for every test of the enclosing `describe`, also the cache folder of what it tests. */
export const tempFolderForEach = (): TempFolder => {
  let path = ''
  let cache: string | undefined
  beforeEach(() => {
    path = realpathSync(mkdtempSync(join(tmpdir(), 'genepool-tensorflow-')))
    cache = process.env['GENEPOOL_CACHE']
    process.env['GENEPOOL_CACHE'] = join(path, 'cache')
  })
  afterEach(() => {
    if (cache === undefined) delete process.env['GENEPOOL_CACHE']
    else process.env['GENEPOOL_CACHE'] = cache
    rmSync(path, { recursive: true, force: true, maxRetries: 3 })
  })
  return {
    get path() {
      return path
    },
    write: (name, content) => {
      mkdirSync(dirname(join(path, name)), { recursive: true })
      writeFileSync(join(path, name), content)
      return join(path, name)
    },
  }
}

const machines: Readonly<Record<string, number>> = { x64: 62, arm64: 183 }

/** The processor that this is not. */
export const otherArchitecture = process.arch === 'arm64' ? 'x64' : 'arm64'

/** The header of an ELF library that says to end at `end`; its file has `size` bytes. */
export const elf = (architecture: string, { end = 64, size = end }: { end?: number; size?: number } = {}): Buffer => {
  const file = Buffer.alloc(Math.max(size, 64))
  file.write('\x7fELF\x02\x01\x01', 'latin1')
  file.writeUInt16LE(machines[architecture] ?? 0, 18)
  file.writeBigUInt64LE(BigInt(end), 40)
  return file
}

/** A ZIP archive of these files. */
export const wheel = (files: Readonly<Record<string, Uint8Array | string>>): Buffer => {
  const parts: Buffer[] = []
  const table: Buffer[] = []
  let offset = 0
  for (const [path, content] of Object.entries(files)) {
    const bytes = Buffer.from(content)
    const packed = deflateRawSync(bytes)
    const name = Buffer.from(path)
    const sizes = (header: Buffer, at: number): void => {
      header.writeUInt16LE(8, at)
      header.writeUInt32LE(crc32(bytes), at + 6)
      header.writeUInt32LE(packed.length, at + 10)
      header.writeUInt32LE(bytes.length, at + 14)
      header.writeUInt16LE(name.length, at + 18)
    }
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x0403_4b50, 0)
    sizes(local, 8)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x0201_4b50, 0)
    sizes(entry, 10)
    entry.writeUInt32LE(offset, 42)
    parts.push(local, name, packed)
    table.push(entry, name)
    offset += local.length + name.length + packed.length
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x0605_4b50, 0)
  end.writeUInt16LE(table.length / 2, 10)
  end.writeUInt32LE(Buffer.concat(table).length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, ...table, end])
}
