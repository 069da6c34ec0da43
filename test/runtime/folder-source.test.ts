import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { hashSource, sourceIdentity } from '../../src/runtime/folder-source.js'
import { atOnce } from '../../src/runtime/in-parts.js'

describe('a folder as a source', () => {
  let root = ''
  const file = (name: string): string => join(root, name)
  const identity = (): string | undefined => atOnce(sourceIdentity(`${file('set')}/`))
  const hash = (): string => atOnce(hashSource(`${file('set')}/`, file('store/index/folder.list')))

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'genepool-'))
    for (const folder of ['set/a', 'set/b', 'store/index']) mkdirSync(file(folder), { recursive: true })
    writeFileSync(file('set/a/1'), 'one')
    writeFileSync(file('set/b/line\nend'), 'two')
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  it('has an identity and a hash that every file counts in, by name and bytes', () => {
    const seen = new Set([hash()])
    const identities = new Set([identity()])
    const changes = [
      () => writeFileSync(file('set/a/1'), 'eno'),
      () => writeFileSync(file('set/a/2'), ''),
      () => renameSync(file('set/a/2'), file('set/b/2')),
      () => rmSync(file('set/b/2')),
    ]
    for (const change of changes) {
      change()
      identities.add(identity())
      seen.add(hash())
    }
    // What the last change took away leaves the folder as the first left it.
    expect(seen.size).to.equal(4)
    expect(identities.size).to.equal(4)
    expect(atOnce(sourceIdentity(`${file('none')}/`))).to.equal(undefined)
  })

  it('is not read again but for files that changed, whatever they are called', async () => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    const first = hash()
    const index = file('store/index/folder.list')
    // The index is believed: with another hash in it the folder's is another one.
    const text = readFileSync(index, 'latin1')
    const [known] = /[0-9a-f]{64}(?=\n$)/.exec(text)!
    writeFileSync(index, text.replace(known, 'f'.repeat(64)), 'latin1')
    expect(hash()).to.not.equal(first)
    // A file that was touched is read.
    utimesSync(file('set/b/line\nend'), 1, 1)
    expect(hash()).to.equal(first)
    writeFileSync(index, 'damaged')
    expect(hash()).to.equal(first)
  })

  it('is refused with links in it', () => {
    symlinkSync('/etc', file('set/etc'))
    expect(() => identity()).to.throw(`${file('set/etc')} is a link`)
  })
})
