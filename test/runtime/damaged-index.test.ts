import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { EntryIndex } from '../../src/runtime/code/entry-index.js'
import { FileStates } from '../../src/runtime/code/files-seen.js'
import { FileIndex, identityOf } from '../../src/runtime/file-identity.js'
import { workspaceForEach } from '../support/workspace.js'

/** The file with one bit flipped, for every byte of it. */
const flips = function* (file: string): Generator<number> {
  const whole = readFileSync(file)
  for (let at = 0; at < whole.length; at++) {
    const flipped = Buffer.from(whole)
    flipped[at]! ^= 1
    writeFileSync(file, flipped)
    yield at
  }
  writeFileSync(file, whole)
}

/** A path that has lost a letter would be taken for a file that is not there, and its edits would never be noticed. */
describe('an index with a flipped bit, wherever it is,', () => {
  const workspace = workspaceForEach()
  const later = (): number => Date.now() + 60_000

  beforeEach(() => mkdirSync(workspace.file('store', 'index'), { recursive: true }))

  it('of files is an empty one', () => {
    const [file, about] = [workspace.file('store', 'index', 'files.json'), workspace.write('a.txt', 'a')]
    const index = new FileIndex<string>(file, '1')
    index.remember(about, identityOf(about)!, 'known', later())
    index.save()
    expect(new FileIndex<string>(file, '1').peek(about)).to.equal('known')
    for (const at of flips(file)) expect(new FileIndex<string>(file, '1').peek(about), `byte ${at}`).to.equal(undefined)
    expect(new FileIndex<string>(file, '1').peek(about)).to.equal('known')
  })

  it('of what stages reach is an empty one', () => {
    const [file, about] = [workspace.file('store', 'index', 'entries.json'), workspace.write('a.ts', 'a')]
    const found = {
      digest: 'd',
      opaque: [],
      readAt: later(),
      identities: new Map([
        [about, identityOf(about)!],
        [workspace.file('b.ts'), null],
      ]),
    }
    const index = new EntryIndex(file)
    index.set('key', found)
    index.save()
    const read = () => new EntryIndex(file).find('key', new FileStates())
    expect(read()?.digest).to.equal('d')
    for (const at of flips(file)) expect(read(), `byte ${at}`).to.equal(undefined)
    expect(read()?.digest).to.equal('d')
  })
})
