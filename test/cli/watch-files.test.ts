import { cpSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { writeStages } from '../support/watched-stages.js'
import { endWatch, noticed, startWatch, watchedWorkspaceForEach, type Watching } from '../support/watching.js'
import { checkout, workspaceForAll } from '../support/workspace.js'

describe('genepool watch notices', () => {
  const workspace = workspaceForAll()
  let watching: Watching
  before(async () => {
    writeStages(workspace)
    watching = startWatch(workspace, 'text-only.ts')
    await watching.after(0, 'watch-waiting')
  })
  after(() => endWatch(watching))

  /** What a run makes of an edit. */
  const ranAfter = async (edit: () => void) => {
    const saved = watching.now()
    edit()
    const finished = await watching.after(saved, 'run-finished')
    await watching.after(saved, 'watch-waiting')
    return { ran: finished.ran, noticed: noticed(watching.since(saved)) }
  }
  /** What an edit that the definition does not survive says. */
  const problemAfter = async (edit: () => void): Promise<string> => {
    const saved = watching.now()
    edit()
    const { message } = await watching.after(saved, 'watch-problem')
    await watching.after(saved, 'watch-waiting')
    return message
  }
  const word = (): string => workspace.file('lib', 'word.ts')

  it('an external file', async () => {
    const text = workspace.file('text.txt')
    expect(await ranAfter(() => workspace.write('text.txt', 'second'))).to.deep.equal({ ran: 1, noticed: [text] })
  })

  it('a file that is renamed over, as editors save', async () => {
    const save = (text: string) => () => renameSync(workspace.write('lib/.word.ts~', text), word())
    for (const text of ['third', 'fourth']) {
      expect(await ranAfter(save(`export const word = '${text}'\n`))).to.deep.equal({ ran: 1, noticed: [word()] })
    }
  })

  it('a file that is deleted, and that it is there again', async () => {
    expect(await problemAfter(() => rmSync(word()))).to.match(/cannot load text-only\.ts: .*lib\/word\.ts/)
    const back = () => workspace.write('lib/word.ts', "export const word = 'fifth'\n")
    expect((await ranAfter(back)).ran).to.equal(1)
  })

  it('a folder that is deleted, and that it is there again', async () => {
    await problemAfter(() => rmSync(workspace.file('lib'), { recursive: true }))
    const back = () => workspace.write('lib/word.ts', "export const word = 'sixth'\n")
    expect((await ranAfter(back)).ran).to.equal(1)
  })

  it('a file of a folder that are not there yet when they are imported, and then what it holds', async () => {
    const text = readFileSync(workspace.file('text.ts'), 'utf8')
    const importing = text.replace('./lib/word.ts', './later/deep/word.js')
    expect(await problemAfter(() => workspace.write('text.ts', importing))).to.match(/later\/deep\/word/)
    mkdirSync(workspace.file('later'))
    const later = (content: string) => () => workspace.write('later/deep/word.ts', content)
    expect((await ranAfter(later("export const word = 'seventh'\n"))).ran).to.equal(1)
    const file = workspace.file('later', 'deep', 'word.ts')
    const edited = await ranAfter(later("export const word = 'eighth'\n"))
    expect(edited).to.deep.equal({ ran: 1, noticed: [file] })
  })

  it('no longer what is imported no longer', async () => {
    const text = workspace.file('text.txt')
    const both = await ranAfter(() => {
      workspace.write('lib/word.ts', "export const word = 'ninth'\n")
      workspace.write('text.txt', 'ninth')
    })
    expect(both).to.deep.equal({ ran: 1, noticed: [text] })
  })

  it('that an external file is missing, which it waits for', async () => {
    expect(await problemAfter(() => rmSync(workspace.file('text.txt')))).to.match(/text\.txt does not exist/)
    expect((await ranAfter(() => workspace.write('text.txt', 'tenth'))).ran).to.equal(1)
  })

  it('another version of a package', async () => {
    const manifest = (version: string) => () =>
      workspace.write('node_modules/words/package.json', `{ "name": "words", "version": "${version}" }`)
    manifest('1.0.0')()
    workspace.write('node_modules/words/index.js', "exports.word = 'eleventh'\n")
    await ranAfter(() => workspace.write('later/deep/word.ts', "export { word } from 'words'\n"))
    const file = workspace.file('node_modules', 'words', 'package.json')
    expect(await ranAfter(manifest('1.0.1'))).to.deep.equal({ ran: 1, noticed: [file] })
  })

  it('the definition itself', async () => {
    const file = workspace.file('text-only.ts')
    const definition = readFileSync(file, 'utf8').replace("pipeline('text')", "pipeline('renamed')")
    expect((await ranAfter(() => workspace.write('text-only.ts', definition))).noticed).to.deep.equal([file])
    expect(await problemAfter(() => rmSync(file))).to.match(/there is no pipeline file/)
    const back = definition.replace("pipeline('renamed')", "pipeline('back')")
    expect((await ranAfter(() => workspace.write('text-only.ts', back))).noticed).to.deep.equal([file])
  })
})

describe('genepool watch, where the system does not tell of changes,', () => {
  const { workspace, watch } = watchedWorkspaceForEach()

  it('says so and looks every other second', async () => {
    writeStages(workspace)
    const patch = new URL('../support/no-inotify.js', import.meta.url).href
    const watching = watch('text-only.ts', { NODE_OPTIONS: `--import=${patch}` })
    expect((await watching.after(0, 'warning')).message).to.match(/file watchers reached; files are looked at/)
    await watching.after(0, 'watch-waiting')
    const saved = watching.now()
    workspace.write('text.txt', 'another text')
    expect(await watching.after(saved, 'run-finished')).to.include({ ran: 1 })
  })
})

describe('genepool watch notices what a stage was found to read', () => {
  const workspace = workspaceForAll()
  let watching: Watching
  const definition = (comment: string): string => `${comment}
import * as fs from 'node:fs'
import { pipeline, stage } from 'genepool'
const words = stage('words', {
  run: ({ outDir }) => {
    const text = fs.readFileSync(['${workspace.path}', 'words.txt'].join('/'), 'utf8')
    const names = fs.readdirSync(['${workspace.path}', 'listed'].join('/'))
    const missing = fs.existsSync(['${workspace.path}', 'missing.txt'].join('/'))
    fs.writeFileSync(outDir + '/out', [text, names, missing].join())
  },
})
export default pipeline('traced').add(words)
`
  before(async () => {
    workspace.write('words.txt', 'first')
    workspace.write('listed/one', '')
    workspace.write('traced.ts', definition('// One.'))
    watching = startWatch(workspace, 'traced.ts')
    await watching.after(0, 'watch-waiting')
  })
  after(() => endWatch(watching))

  for (const [what, edit] of [
    ['a file', () => workspace.write('words.txt', 'second')],
    ['a folder', () => workspace.write('listed/two', '')],
    ['a file that was not there', () => workspace.write('missing.txt', '')],
    ['a file again', () => workspace.write('words.txt', 'third')],
  ] as const) {
    it(`${what}, by a name that nothing in its text says`, async () => {
      const saved = watching.now()
      edit()
      expect((await watching.after(saved, 'run-finished')).ran).to.equal(1)
      await watching.after(saved, 'watch-waiting')
    })
  }

  it('and nothing else: a comment changes nothing that counts', async () => {
    const saved = watching.now()
    workspace.write('traced.ts', definition('// Two.'))
    await watching.after(saved, 'watch-unchanged')
  })
})

describe('genepool watch notices, in a folder of pictures,', () => {
  const workspace = workspaceForAll()
  let watching: Watching
  const put = (place: string, name: string) => () =>
    cpSync(join(checkout, 'test/fixtures/pictures', name), workspace.file(place))

  before(async () => {
    for (const place of ['train/a/1.png', 'train/b/1.png', 'test/a/1.png', 'test/b/1.png']) {
      put(place, 'colour.png')()
    }
    workspace.write(
      'pictures.ts',
      `import { imageFolder, pipeline } from 'genepool'
export default pipeline('pictures').data(imageFolder('train', 'test', { numClasses: 2, imageSize: 8 }))
`,
    )
    watching = startWatch(workspace, 'pictures.ts')
    await watching.after(0, 'watch-waiting')
  })
  after(() => endWatch(watching))

  for (const [what, edit] of [
    ['one that is added', put('train/b/2.jpg', 'colour.jpg')],
    ['one that is added in a folder of its own', put('train/b/deep/3.jpg', 'wide.jpg')],
    ['one in that folder that is changed in place', put('train/b/deep/3.jpg', 'grey.jpg')],
    ['one that is removed', () => rmSync(workspace.file('train', 'b', '2.jpg'))],
  ] as const) {
    it(what, async () => {
      const saved = watching.now()
      edit()
      expect(await watching.after(saved, 'run-finished')).to.include({ ran: 1, failed: 0 })
      await watching.after(saved, 'watch-waiting')
      expect(new Set(noticed(watching.since(saved)))).to.deep.equal(new Set([`${workspace.file('train')}/`]))
    })
  }
})
