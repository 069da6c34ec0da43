import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  describeSafetensors,
  encodeSafetensors,
  type HostTensor,
  readSafetensors,
  SafetensorsError,
  writeSafetensors,
} from '../../../src/stages/tensors/safetensors.js'
import { tempFolder } from '../temp-folder.js'

/** GENEPOOL_LONG=1: a tensor above 2 GiB. */
const long = process.env['GENEPOOL_LONG'] === '1'

const floats: HostTensor = { shape: [2, 3], data: Float32Array.of(1, -2.5, NaN, Infinity, 1e-40, 0) }

const ints: HostTensor = { shape: [2], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) }

const bytes: HostTensor = { shape: [1, 3, 1], data: Uint8Array.of(0, 127, 255) }

const scalar: HostTensor = { shape: [], data: Float32Array.of(7) }

const empty: HostTensor = { shape: [0, 4], data: new Float32Array(0) }

/** A file made by hand: any header over any data. */
const handmade = (header: unknown, data: Uint8Array = new Uint8Array(0)): Uint8Array => {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, data])
}

const tensor = (begin: number, end: number, shape: readonly number[] = [1]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
})

/** All of a file of these tensors. */
const fileOf = (...given: Parameters<typeof encodeSafetensors>): Buffer =>
  Buffer.concat(
    encodeSafetensors(...given).map((part) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength)),
  )

describe('safetensors', () => {
  const folder = tempFolder()

  const read = (file: Uint8Array) => {
    writeFileSync(folder.file('weights.safetensors'), file)
    return readSafetensors(folder.file('weights.safetensors'))
  }

  const one = (dtype: string, data: ArrayBufferView, shape: readonly number[]): HostTensor['data'] => {
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    return read(handmade({ x: { dtype, shape, data_offsets: [0, raw.length] } }, raw)).tensors.get('x')!.data
  }

  const expectRefused = (file: Uint8Array, sentence: string): void => {
    const path = folder.file('weights.safetensors')
    expect(() => read(file)).to.throw(SafetensorsError, `${path}: ${sentence}`)
    // Without reading a tensor.
    expect(() => describeSafetensors(path)).to.throw(SafetensorsError, `${path}: ${sentence}`)
  }

  it('gives back every tensor bit for bit, scalars and empty ones included', () => {
    const tensors = { floats, bytes, ints, scalar, empty }
    const decoded = read(fileOf(tensors))
    expect(Object.fromEntries(decoded.tensors)).to.deep.equal(tensors)
    expect(decoded.metadata).to.deep.equal({})
  })

  it('keeps names and metadata that need escaping, and the order of the names', () => {
    const names = ['blocks.0.attn.qkv.weight', 'a "quoted"\\name', 'Größe\n', '10', '9', '__proto__']
    const metadata = { format: 'pt', note: 'line\n"two"', __proto__x: 'y' }
    const decoded = read(fileOf(new Map(names.map((name) => [name, scalar])), metadata))
    expect([...decoded.tensors.keys()].toSorted()).to.deep.equal(names.toSorted())
    expect(decoded.metadata).to.deep.equal(metadata)
    const file = fileOf(new Map(names.map((name) => [name, scalar]))).toString()
    const places = names.map((name) => file.indexOf(`${JSON.stringify(name)}:`))
    expect(places).to.deep.equal(places.toSorted((a, b) => a - b))
  })

  it('writes this very file', () => {
    const header = '{"__metadata__":{"k":"v"},"x":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}} '
    const file = fileOf({ x: { shape: [1], data: Int32Array.of(258) } }, { k: 'v' })
    expect(header.length % 8).to.equal(0)
    expect([...file]).to.deep.equal([header.length, 0, 0, 0, 0, 0, 0, 0, ...Buffer.from(header), 2, 1, 0, 0])
  })

  it('begins every tensor at a multiple of its element size, wherever it stands in the order', () => {
    const file = fileOf({ bytes, floats, ints })
    const headerBytes = Number(file.readBigUInt64LE(0))
    const header = JSON.parse(file.subarray(8, 8 + headerBytes).toString())
    expect((8 + headerBytes) % 8).to.equal(0)
    expect(header.floats.data_offsets).to.deep.equal([0, 24])
    expect(header.ints.data_offsets).to.deep.equal([24, 32])
    expect(header.bytes.data_offsets).to.deep.equal([32, 35])
  })

  it('encodes views of larger arrays by what they show', () => {
    const view = Float32Array.of(1, 2, 3, 4).subarray(1, 3)
    const decoded = read(fileOf({ view: { shape: [2], data: view } }))
    expect([...decoded.tensors.get('view')!.data]).to.deep.equal([2, 3])
  })

  it('refuses to encode a tensor whose values do not fill its shape', () => {
    const wrong = { shape: [2, 2], data: Float32Array.of(1, 2, 3) }
    expect(() => encodeSafetensors({ wrong })).to.throw(SafetensorsError, 'wrong: shape [2, 2] does not hold 3 values')
    expect(() => encodeSafetensors({ __metadata__: scalar })).to.throw(SafetensorsError, '__metadata__')
  })

  it('reads the types that other tools write', () => {
    expect(one('F64', Float64Array.of(0.1, -3), [2])).to.deep.equal(Float32Array.of(0.1, -3))
    expect(one('I64', BigInt64Array.of(-5n, 2n ** 31n - 1n), [2])).to.deep.equal(Int32Array.of(-5, 2 ** 31 - 1))
    expect(one('I16', Int16Array.of(-300), [1])).to.deep.equal(Int32Array.of(-300))
    expect(one('I8', Int8Array.of(-3), [1])).to.deep.equal(Int32Array.of(-3))
    expect(one('BOOL', Uint8Array.of(1, 0), [2])).to.deep.equal(Uint8Array.of(1, 0))
    // One, the largest half, the smallest one, −0.5, minus infinity, NaN.
    const halves = Uint16Array.of(0x3c00, 0x7bff, 0x0001, 0xb800, 0xfc00, 0x7e00)
    expect(one('F16', halves, [6])).to.deep.equal(Float32Array.of(1, 65504, 2 ** -24, -0.5, -Infinity, NaN))
    // One, −2.5, the largest bfloat16.
    const bfloats = Uint16Array.of(0x3f80, 0xc020, 0x7f7f)
    expect(one('BF16', bfloats, [3])).to.deep.equal(Float32Array.of(1, -2.5, 3.3895313892515355e38))
  })

  it('refuses a 64-bit number that does not fit 32 bits, and a type that it does not know', () => {
    expect(() => one('I64', BigInt64Array.of(2n ** 31n), [1])).to.throw(SafetensorsError, 'x holds 2147483648')
    expect(() => one('F8_E4M3', Uint8Array.of(1), [1])).to.throw(SafetensorsError, 'unknown type F8_E4M3')
    expect(() => one('toString', Uint8Array.of(1), [1])).to.throw(SafetensorsError, 'unknown type toString')
  })

  it('refuses headers that make no sense', () => {
    expectRefused(Uint8Array.of(1, 2, 3), '3 bytes are too few for a header')
    expectRefused(
      Uint8Array.of(200, 0, 0, 0, 0, 0, 0, 0, 123),
      'the header should be 200 bytes long, but the file ends',
    )
    expectRefused(handmade('{"x": '), 'the header is not JSON')
    expectRefused(handmade('[]'), 'the header is not a JSON object')
    expectRefused(handmade({ x: 3 }), 'the header of tensor x makes no sense')
    expectRefused(handmade({ x: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }), 'the header of tensor x')
    expectRefused(handmade({ __metadata__: { a: 1 } }), '__metadata__ is not an object of strings')
  })

  it('refuses offsets that do not fit the shape, the file or each other', () => {
    const data = new Uint8Array(12)
    expectRefused(
      handmade({ x: tensor(0, 12, [2]) }, data),
      'tensor x, F32 [2], needs 8 bytes, but its offsets hold 12',
    )
    expectRefused(handmade({ x: tensor(8, 16, [2]) }, data), 'tensor x ends at byte ')
    expectRefused(handmade({ x: tensor(0, 8, [2]), y: tensor(4, 12, [2]) }, data), 'tensor y overlaps another one')
    expectRefused(handmade({ x: tensor(0, 4), y: tensor(8, 12) }, data), 'tensor y leaves 4 bytes unused before it')
    expectRefused(handmade({ x: tensor(0, 4) }, data), '8 bytes at the end belong to no tensor')
  })

  it('reads what it wrote, each tensor in memory of its own', () => {
    writeSafetensors(folder.file('a.safetensors'), { floats, bytes }, { step: '3' })
    const { tensors, metadata } = readSafetensors(folder.file('a.safetensors'))
    expect(Object.fromEntries(tensors)).to.deep.equal({ floats, bytes })
    expect(metadata).to.deep.equal({ step: '3' })
    expect(tensors.get('floats')!.data.buffer.byteLength).to.equal(24)
  })

  it('says what a file holds without reading its tensors', () => {
    writeSafetensors(folder.file('a.safetensors'), { floats, bytes }, { step: '3' })
    const { tensors, metadata } = describeSafetensors(folder.file('a.safetensors'))
    expect(metadata).to.deep.equal({ step: '3' })
    expect([...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).to.deep.equal([
      ['floats', 'F32', [2, 3]],
      ['bytes', 'U8', [1, 3, 1]],
    ])
  })

  it('writes and reads a tensor of any size between others', function () {
    this.timeout(long ? 1_800_000 : 60_000)
    const data = new Float32Array(long ? 2 ** 29 + 3 : 2 ** 12 + 3)
    const marked = [0, 2 ** 11 - 1, (data.length - 1) / 2, data.length - 4, data.length - 1].map(Math.floor)
    for (const index of marked) data[index] = index + 0.5
    writeSafetensors(folder.file('large'), { before: ints, large: { shape: [data.length], data }, after: bytes })
    const { tensors } = readSafetensors(folder.file('large'))
    const read = tensors.get('large')!.data as Float32Array
    expect(read.length).to.equal(data.length)
    for (const index of marked) expect(read[index]).to.equal(data[index])
    expect(read.reduce((count, value) => count + Number(value !== 0), 0)).to.equal(marked.length)
    expect([tensors.get('before'), tensors.get('after')]).to.deep.equal([ints, bytes])
  })

  it('replaces a file as a whole and leaves nothing else in the folder', () => {
    const path = folder.file('a.safetensors')
    writeSafetensors(path, { floats })
    writeSafetensors(path, { ints })
    expect([...readFileSync(path)]).to.deep.equal([...fileOf({ ints })])
    expect(readdirSync(folder.path)).to.deep.equal(['a.safetensors'])
    expect(() => writeSafetensors(join(path, 'below-a-file'), { ints })).to.throw()
    expect(readdirSync(folder.path)).to.deep.equal(['a.safetensors'])
  })

  it('names the path of a file that is missing or damaged', () => {
    const path = folder.file('b.safetensors')
    expect(() => readSafetensors(path)).to.throw(SafetensorsError, `${path}: cannot be read`)
    writeFileSync(path, fileOf({ floats }).subarray(0, -1))
    expect(() => readSafetensors(path)).to.throw(SafetensorsError, `${path}: tensor floats ends at byte`)
  })
})
