import { existsSync, rmSync } from 'node:fs'
import { expect } from 'chai'
import { digestOf as recordDigest } from '../../../src/runtime/code/code-record.js'
import { moduleEdits } from './edits-of-modules.js'
import { nameEdits } from './edits-of-names.js'
import { loadingEdits } from './edits-while-loading.js'
import { changesBetween, codeOf, digestOf, writeFiles, type Files } from '../../support/stage-code.js'
import type { CodeEdit } from '../../support/code-edit.js'
import { workspaceForEach } from '../../support/workspace.js'

const edits: readonly CodeEdit[] = [...nameEdits, ...moduleEdits, ...loadingEdits]

describe('what code reaches', () => {
  const workspace = workspaceForEach()

  for (const { what, files, edit, changes, opaque } of edits) {
    it(`${changes.length === 0 ? 'leaves out' : 'has in it'} ${what}`, async () => {
      writeFiles(workspace, files)
      const before = await codeOf(workspace)
      for (const [name, text] of Object.entries(edit)) {
        if (text === null) rmSync(workspace.file(name))
        else workspace.write(name, text)
      }
      const now = await codeOf(workspace)
      expect(now.opaque.map((each) => each.what)).to.deep.equal(opaque === undefined ? [] : [opaque])
      if (changes.length === 0) expect(recordDigest(now)).to.equal(recordDigest(before))
      else expect(changesBetween(before, now)).to.deep.equal(changes)
    })
  }

  it('is found again at once after an edit is taken back', async () => {
    writeFiles(workspace, edits[0]!.files)
    const before = await digestOf(workspace)
    writeFiles(workspace, edits[0]!.edit as Files)
    expect(await digestOf(workspace)).not.to.equal(before)
    writeFiles(workspace, edits[0]!.files)
    expect(await digestOf(workspace)).to.equal(before)
  })

  it('does not know where on the machine it lies', async () => {
    for (const folder of ['here', 'there/deep']) {
      workspace.write(`${folder}/package.json`, '{ "type": "module" }')
      for (const [name, text] of Object.entries(edits[2]!.files)) workspace.write(`${folder}/${name}`, text)
    }
    expect(await digestOf(workspace, 'stage', 'here/stage.ts')).to.equal(
      await digestOf(workspace, 'stage', 'there/deep/stage.ts'),
    )
  })

  it('names the nearest symbol and the whole way to what changed', async () => {
    writeFiles(workspace, {
      'stage.ts': "import { train } from './train.js'\nexport const stage = () => train()",
      'train.ts': "import { step } from './step.js'\nexport const train = () => step()",
      'step.ts': "import { loss } from './losses.js'\nexport const step = () => loss()",
      'losses.ts': '// The loss.\n\nexport const loss = () => 1',
    })
    const { symbols } = await codeOf(workspace)
    expect(symbols['losses.ts:loss']).to.deep.include({ line: 3, column: 14, through: 'step.ts:step' })
    expect(existsSync(workspace.file('store')), 'reading writes nothing').to.be.false
  })
})
