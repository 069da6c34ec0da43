import { closeSync, openSync, readdirSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { expect } from 'chai'
import { partsOf, readInto, withOpenFile, writeFileAtomic } from '../../src/base/files.js'
import { tempFolder } from '../stages/temp-folder.js'

describe('files in parts', () => {
  const folder = tempFolder()
  const values = Uint16Array.from({ length: 50 }, (_, index) => 257 * index)
  const shared = new Float32Array(new SharedArrayBuffer(40), 8, 7).fill(1.5)
  const bytesOf = (array: ArrayBufferView): Uint8Array =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

  it('are all of an array, none longer than asked for', () => {
    const parts = [...partsOf(values.subarray(3, 40), 16)]
    expect(parts.map(({ length }) => length)).to.deep.equal([16, 16, 16, 16, 10])
    expect(Buffer.concat(parts).equals(bytesOf(values.subarray(3, 40)))).to.equal(true)
    expect([...partsOf(new Uint8Array(0), 16)]).to.deep.equal([])
  })

  it('are written one after the other, whatever their size, memory that threads share too', () => {
    const path = folder.file('below/written')
    for (const most of [1, 7, 1_000]) {
      writeFileAtomic(path, [values, new Uint8Array(0), shared], most)
      expect(readFileSync(path).equals(Buffer.concat([bytesOf(values), bytesOf(shared)])), `${most}`).to.equal(true)
    }
    expect(readdirSync(folder.file('below'))).to.deep.equal(['written'])
  })

  it('are read to where the file ends', () => {
    const path = folder.file('read')
    writeFileSync(path, Buffer.from('0123456789'))
    for (const most of [1, 3, 100]) {
      const into = new Uint16Array(4)
      expect(withOpenFile(path, (file) => readInto(file, into, 1, most))).to.equal(8)
      expect(Buffer.from(bytesOf(into)).toString()).to.equal('12345678')
      expect(withOpenFile(path, (file) => readInto(file, into, 7, most))).to.equal(3)
      expect(Buffer.from(bytesOf(into)).toString()).to.equal('78945678')
    }
  })

  it('are read from beyond 2 and 4 GiB', () => {
    const path = folder.file('sparse')
    const at = 5 * 2 ** 30
    writeFileSync(path, '')
    truncateSync(path, at)
    const descriptor = openSync(path, 'r+')
    writeSync(descriptor, 'the end', at)
    closeSync(descriptor)
    const into = new Uint8Array(10)
    expect(withOpenFile(path, (file) => readInto(file, into, at - 3))).to.equal(10)
    expect(Buffer.from(into).toString()).to.equal('\0\0\0the end')
  })
})
