import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { format } from 'prettier'
import { defineCheap, executedIn, runCheap, type CheapOptions } from '../support/cheap-pipeline.js'
import { workspaceForAll } from '../support/workspace.js'

describe('Comment or format edit: nothing reruns. Helper or imported constant: exactly its dependents', () => {
  const workspace = workspaceForAll()

  /** Stages executed by a run of this definition, after one of the plain definition. */
  const rerunBy = async (edit: CheapOptions | (() => unknown)): Promise<readonly string[]> => {
    defineCheap(workspace)
    await runCheap(workspace)
    const before = executedIn(workspace).length
    await (typeof edit === 'function' ? edit() : defineCheap(workspace, edit))
    const { code, stdout } = await runCheap(workspace)
    expect(code, stdout).to.equal(0)
    return executedIn(workspace).slice(before)
  }
  const rewrite = async (name: string, change: (text: string) => string | Promise<string>): Promise<void> => {
    const file = workspace.file(name)
    const text = readFileSync(file, 'utf8')
    const changed = await change(text)
    expect(changed, 'the edit changes the file').not.to.equal(text)
    writeFileSync(file, changed)
  }

  it('a comment', async () => {
    expect(await rerunBy({ head: '/** What is this? */ // nothing\n' })).to.deep.equal([])
  })

  it("a formatter's run", async () => {
    const reformat = (text: string): Promise<string> =>
      format(text, { parser: 'babel', semi: true, singleQuote: false, printWidth: 40, arrowParens: 'avoid' })
    const both = async (): Promise<void> => {
      await rewrite('library.mjs', reformat)
      await rewrite('cheap.mjs', reformat)
    }
    expect(await rerunBy(both)).to.deep.equal([])
  })

  it('a function that no stage reaches', async () => {
    const edit = () => rewrite('library.mjs', (text) => text.replace('nobody calls it', 'nobody ever calls it'))
    expect(await rerunBy(edit)).to.deep.equal([])
  })

  it('a helper: the one stage that calls it, and what its other result reaches', async () => {
    expect(await rerunBy({ words: "text.split(' ').length + 0" })).to.deep.equal(['count'])
    expect(await rerunBy({ words: "text.split(' ').length + 1" })).to.deep.equal(['count', 'shout'])
  })

  it('an imported constant: the one stage that reads it', async () => {
    expect(await rerunBy({ times: '3' })).to.deep.equal(['shout'])
  })

  it('a helper that all call: all', async () => {
    const edit = () => rewrite('library.mjs', (text) => text.replace("'value.txt'), text)", "'value.txt'), '' + text)"))
    expect([...(await rerunBy(edit))].sort()).to.deep.equal(['aside', 'count', 'read', 'shout'])
  })
})
