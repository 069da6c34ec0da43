import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { expect } from 'chai'
import { endWatch, startWatch, type Watching } from '../support/watching.js'
import { workspaceForAll } from '../support/workspace.js'

/** A definition in a folder beside `lib`, which names its data relative to where it is linked from. */
const definition = (workspace: string, mark: string): string => `
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { pipeline, stage } from 'genepool'
import { word } from '../lib/word.ts'
const words = stage('words', {
  sources: { text: 'data/text.txt' },
  run: ({ sources, outDir }) => {
    const note = readFileSync(['${workspace}', 'notes', 'note.txt'].join('/'), 'utf8')
    const names = readdirSync(['${workspace}', 'listed'].join('/'))
    writeFileSync(outDir + '/out', ['${mark}', readFileSync(sources.text, 'utf8'), word, note, names].join())
  },
})
export default pipeline('links').add(words)
`

describe('genepool watch, of what it reaches by links, notices', () => {
  const workspace = workspaceForAll()
  let watching: Watching
  const file = (...names: readonly string[]): string => workspace.file(...names)
  /** As `ln -sfn` does it. */
  const turn = (link: string, target: string): void => {
    rmSync(file(link), { force: true })
    symlinkSync(target, file(link))
  }
  before(async () => {
    workspace.write('code/pipelines/one.ts', definition(workspace.path, 'one'))
    workspace.write('code/pipelines/two.ts', definition(workspace.path, 'two'))
    // The same text as two.ts, and beside another library.
    workspace.write('other/pipelines/two.ts', definition(workspace.path, 'two'))
    workspace.write('other/lib/word.ts', "export const word = 'of another library'\n")
    for (const version of ['first', 'second']) {
      workspace.write(`versions/${version}/text.txt`, version)
      workspace.write(`libraries/${version}/word.ts`, `export const word = '${version}'\n`)
      workspace.write(`books/${version}/note.txt`, version)
    }
    mkdirSync(file('listed'))
    turn('p.ts', 'code/pipelines/one.ts')
    turn('data', 'current')
    turn('current', 'versions/first')
    turn('code/lib', '../libraries/first')
    turn('notes', file('books', 'first'))
    turn('listed/one', '../versions')
    watching = startWatch(workspace, 'p.ts')
    await watching.after(0, 'watch-waiting')
  })
  after(() => endWatch(watching))

  const runsAfter = async (edit: () => void): Promise<void> => {
    const saved = watching.now()
    edit()
    expect((await watching.after(saved, 'run-finished')).ran).to.equal(1)
    await watching.after(saved, 'watch-waiting')
  }
  const problemAfter = async (edit: () => void): Promise<string> => {
    const saved = watching.now()
    edit()
    const { message } = await watching.after(saved, 'watch-problem')
    await watching.after(saved, 'watch-waiting')
    return message
  }

  it('that a link to a link is turned to another folder, with the files of a source', () =>
    runsAfter(() => turn('current', 'versions/second')))

  it('that a linked folder of imports is turned', () => runsAfter(() => turn('code/lib', '../libraries/second')))

  it('that a linked definition is turned to another file', () => runsAfter(() => turn('p.ts', 'code/pipelines/two.ts')))

  it('that it is turned to a file of the same text, whose imports are others', () =>
    runsAfter(() => turn('p.ts', 'other/pipelines/two.ts')))

  it('that a link is turned by which a stage was found to read a file', () =>
    runsAfter(() => turn('notes', file('books', 'second'))))

  it('that a link is turned in a folder which a stage was found to list', () =>
    runsAfter(() => turn('listed/one', '../books')))

  it('what is saved behind links, in place and by renaming', async () => {
    await runsAfter(() => workspace.write('versions/second/text.txt', 'third'))
    await runsAfter(() => renameSync(workspace.write('versions/second/.text.txt~', 'fourth'), file('data', 'text.txt')))
    await runsAfter(() => workspace.write('books/second/note.txt', 'fifth'))
  })

  it('that a folder above is replaced by another', () =>
    runsAfter(() => {
      workspace.write('new/second/text.txt', 'sixth')
      renameSync(file('versions'), file('old'))
      renameSync(file('new'), file('versions'))
    }))

  it('that the folder behind a link is gone, and that it is there again', async () => {
    expect(await problemAfter(() => rmSync(file('versions'), { recursive: true }))).to.match(/text\.txt does not exist/)
    await runsAfter(() => workspace.write('versions/second/text.txt', 'seventh'))
  })

  it('that a link leads back to itself, and that it leads on again', async () => {
    expect(await problemAfter(() => turn('current', 'data'))).to.match(/text\.txt does not exist/)
    workspace.write('versions/first/text.txt', 'eighth')
    await runsAfter(() => turn('current', 'versions/first'))
  })
})
