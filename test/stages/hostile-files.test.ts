import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import { expect } from 'chai'
import { start } from '../support/child.js'
import { checkout } from '../support/workspace.js'
import { tempFolder } from './temp-folder.js'

interface Refusal {
  readonly name: string
  /** Undefined where it was read. */
  readonly message?: string
  readonly ms: number
}

/** A safetensors file of this header, which claims to be as long as it is or as `claimed` says. */
const safetensors = (header: string | Uint8Array, values = 0, claimed?: bigint): Buffer => {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(claimed ?? BigInt(Buffer.from(header).length))
  return Buffer.concat([length, Buffer.from(header), Buffer.alloc(values)])
}

const tensor = (shape: string, begin: number | string, end: number | string, dtype = 'F32'): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`

const manyTensors = `{${Array.from({ length: 40_000 }, (_, at) => `"${at}":${tensor('[0]', 0, 0)}`).join(',')}}`

/** `model.safetensors` beside the configuration of a plain model; a text instead is its configuration. */
const WEIGHTS: Readonly<Record<string, readonly [made: Buffer | string, refused: RegExp]>> = {
  'length of 2^63': [safetensors('{}', 0, 2n ** 63n), /header should be 9223372036854776000 bytes/],
  'length of 2^64 − 1': [safetensors('{}', 0, 2n ** 64n - 1n), /header should be 18446744073709552000 bytes/],
  'nothing but nesting': [safetensors(`{"a":${'['.repeat(3e6)}`), /header is not JSON/],
  'bytes that are no text': [safetensors(Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d)), /header is not JSON/],
  'all tensors that a header holds': [safetensors(manyTensors), /tensor cls_token is missing/],
  'more values than numbers count': [
    safetensors(`{"a":${tensor('[4294967296,4294967296]', 0, 0)}}`),
    /needs 73786976294838210000 bytes/,
  ],
  'a side of 10^300': [safetensors(`{"a":${tensor('[1e300]', 0, 0)}}`), /header of tensor a makes no sense/],
  'infinite sides': [
    safetensors(`{"a":${tensor(`[${'9007199254740991,'.repeat(20)}1]`, 0, 4)}}`),
    /needs Infinity bytes/,
  ],
  'no values of an endless side': [safetensors(`{"norm.bias":${tensor('[0,9007199254740991]', 0, 0)}}`), /is missing/],
  'offsets behind the end': [safetensors(`{"a":${tensor('[1]', 9e15, 9e15 + 4)}}`, 4), /ends at byte 9000000000000/],
  'offsets turned round': [safetensors(`{"a":${tensor('[1]', 4, 0)}}`, 4), /but its offsets hold -4/],
  'offsets in fractions': [safetensors(`{"a":${tensor('[1]', 0.5, 4.5)}}`, 4), /makes no sense/],
  'the same values 50 000 times': [
    safetensors(
      `{${Array.from({ length: 50_000 }, (_, at) => `"${at}":${tensor('[16384]', 0, 65_536)}`).join(',')}}`,
      65_536,
    ),
    /overlaps another one/,
  ],
  'names of what objects have': [
    safetensors(`{"__proto__":${tensor('[1]', 0, 4)},"constructor":${tensor('[1]', 4, 8)}}`, 8),
    /is missing/,
  ],
  'a configuration of nothing but nesting': [`{"architecture":${'['.repeat(3e6)}`, /config\.json: is not JSON/],
  'a configuration of 5 MB': [`{"architecture":"${'a'.repeat(5e6)}"}`, /are too many for a configuration/],
  'a configuration that is a list': ['[{"architecture":"vit_base_patch16_224"}]', /is not a JSON object/],
  'a model of millions of heads': [
    '{"model_type":"vit","architectures":["ViTForImageClassification"],"hidden_size":1e15,"num_attention_heads":1e15}',
    /is missing|needs numbers|blocks/,
  ],
}

const fixture = (name: string): Buffer => readFileSync(join(checkout, 'test/fixtures/pictures', name))

const chunk = (kind: string, data: Buffer): Buffer => {
  const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from(kind), data, Buffer.alloc(4)])
  bytes.writeUInt32BE(data.length, 0)
  bytes.writeUInt32BE(crc32(bytes.subarray(4, -4)), bytes.length - 4)
  return bytes
}

const SIGNATURE = fixture('colour.png').subarray(0, 8)

/** Eight bits a channel, three channels. */
const png = (width: number, height: number, ...chunks: readonly Buffer[]): Buffer => {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0])
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), ...chunks, chunk('IEND', Buffer.alloc(0))])
}

const zeros = (bytes: number): Buffer => deflateSync(Buffer.alloc(bytes))

const changed = (name: string, edit: (bytes: Buffer) => void): Buffer => {
  const bytes = Buffer.from(fixture(name))
  edit(bytes)
  return bytes
}

/** A JPEG whose frame says that it has so many pixels a side. */
const jpegOf = (side: number): Buffer =>
  changed('colour.jpg', (bytes) => {
    const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]))
    bytes.writeUInt16BE(side, frame + 5)
    bytes.writeUInt16BE(side, frame + 7)
  })

/** Pictures that must be refused, by their names in a folder. */
const PICTURES: Readonly<Record<string, Buffer>> = {
  'empty.jpg': Buffer.alloc(0),
  'one byte.png': SIGNATURE.subarray(0, 1),
  'signature.png': SIGNATURE,
  'line\nfeed \u001b[2J.png': Buffer.from('no picture'),
  'entities.png': Buffer.from(
    `<!DOCTYPE svg [<!ENTITY a "${'a'.repeat(100)}"><!ENTITY b "${'&a;'.repeat(100)}">]><svg>${'&b;'.repeat(1e4)}</svg>`,
  ),
  'elsewhere.png': Buffer.from('<svg><image href="file:///etc/passwd"/></svg>'),
  'gif.jpg': Buffer.from('GIF89a\u0001\u0000\u0001\u0000'),
  'pdf.jpg': Buffer.from('%PDF-1.7'),
  'cut.png': fixture('colour.png').subarray(0, 300),
  'cut.jpg': fixture('colour.jpg').subarray(0, 700),
  'cut.webp': fixture('colour.webp').subarray(0, 200),
  'cut.avif': fixture('colour.avif').subarray(0, 300),
  'sides of 2^31 − 1.png': png(2 ** 31 - 1, 2 ** 31 - 1, chunk('IDAT', zeros(1e6))),
  'sides of 30 000.png': png(30_000, 30_000, chunk('IDAT', zeros(1e6))),
  'no side.png': png(0, 9, chunk('IDAT', zeros(100))),
  'fewer rows than it says.png': png(4_000, 4_000, chunk('IDAT', zeros(1e5))),
  'chunk without end.png': changed('colour.png', (bytes) => bytes.writeUInt32BE(0xffffffff, 33)),
  'sides of 65 500.jpg': jpegOf(65_500),
  'segment without end.jpg': Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
  'riff without end.webp': Buffer.from('RIFF\u00ff\u00ff\u00ff\u00ffWEBPVP8X\u00ff\u00ff\u00ff\u00ff', 'latin1'),
  'box without end.avif': Buffer.from('\u0000\u0000\u0000\u0020ftypavif\u0000\u0000\u0000\u0000avifmif1', 'latin1'),
}

/** Pictures that more lies in or behind than is seen: they are decoded, and the rest is nobody's business. */
const DECODED: Readonly<Record<string, Buffer>> = {
  'zip behind it.jpg': Buffer.concat([fixture('colour.jpg'), Buffer.from('PK\u0003\u0004<script>')]),
  'page behind it.png': Buffer.concat([fixture('colour.png'), Buffer.from('<html>')]),
  'text of 64 MB.png': png(
    9,
    9,
    chunk('zTXt', Buffer.concat([Buffer.from('a\0\0'), zeros(64e6)])),
    chunk('IDAT', zeros(9 * 28)),
  ),
}

const MOST_BYTES = 500 * 2 ** 20
const MOST_MS = 1_000

describe('hostile files', () => {
  const folder = tempFolder()

  it('are each refused in a sentence, at once and in little memory, and nothing is left of them', async () => {
    for (const [name, [made]] of Object.entries(WEIGHTS)) {
      cpSync(join(checkout, 'test/fixtures/pretrained/timm-deit'), folder.file(`weights/${name}`), { recursive: true })
      const file = typeof made === 'string' ? 'config.json' : 'model.safetensors'
      writeFileSync(folder.file(`weights/${name}/${file}`), made)
    }
    // Their bytes are none of the disk's.
    const longHeader = folder.file('weights/header of 200 MB/model.safetensors')
    mkdirSync(dirname(longHeader))
    writeFileSync(longHeader, safetensors('{"', 0, 200_000_000n))
    truncateSync(longHeader, 400e6)
    mkdirSync(folder.file('weights/pipe'))
    execFileSync('mkfifo', [folder.file('weights/pipe/model.safetensors')])
    const refused: Readonly<Record<string, RegExp>> = {
      ...Object.fromEntries(Object.entries(WEIGHTS).map(([name, [, words]]) => [name, words])),
      'header of 200 MB': /header of 200000000 bytes is longer than the 5000000 that are read/,
      pipe: /pipe/,
    }
    mkdirSync(folder.file('pictures/class'), { recursive: true })
    const put = (name: string, bytes: Buffer): void => writeFileSync(folder.file(`pictures/class/${name}`), bytes)
    for (const [name, bytes] of Object.entries({ ...PICTURES, ...DECODED })) put(name, bytes)
    put('600 MB.jpg', fixture('colour.jpg'))
    truncateSync(folder.file('pictures/class/600 MB.jpg'), 600e6)

    const program = join(checkout, 'test/support/read-hostile.js')
    const { stdout, stderr, code } = await start([program, folder.path], { cwd: folder.path, timeoutMs: 60_000 }).done
    expect([code, stderr]).to.deep.equal([0, ''])
    const lines = stdout.trim().split('\n')
    const refusals = lines.slice(0, -1).map((line) => JSON.parse(line) as Refusal)
    const pictures = refusals.pop()!

    expect(refusals.map(({ name }) => name)).to.have.members(Object.keys(refused))
    for (const { name, message, ms } of refusals) {
      expect(message, name).to.match(refused[name])
      expect(ms, name).to.be.below(MOST_MS)
    }
    const names = [...Object.keys(PICTURES), '600 MB.jpg']
    expect(pictures.message).to.match(new RegExp(`^${names.length} pictures cannot be read:\n`))
    const [, ...listed] = pictures.message!.split('\n')
    for (const name of names) {
      const place = JSON.stringify(folder.file(`pictures/class/${name}`))
      expect(listed.filter((line) => line.startsWith(`  ${place}: `))).to.have.length(1)
    }
    // Decoded side by side, each has its own fault nevertheless.
    for (const [name, decoder] of Object.entries({ 'cut.avif': 'heif', 'cut.png': 'png', 'cut.jpg': 'Jpeg' })) {
      const line = listed.find((each) => each.includes(name))!
      expect(line.match(/heif|Jpeg|png(?=:)|webp/g), line).to.deep.equal([decoder])
    }
    expect(pictures.ms).to.be.below(names.length * MOST_MS)
    expect((JSON.parse(lines.at(-1)!) as { readonly peak: number }).peak).to.be.below(MOST_BYTES)
    expect(readdirSync(folder.path).sort()).to.deep.equal(['out', 'pictures', 'weights'])
  })
})
