import { statSync, symlinkSync } from 'node:fs'
import { relative } from 'node:path'
import { expect } from 'chai'
import { CodeReader } from '../../src/runtime/code/code-reader.js'
import { workspaceForEach } from '../support/workspace.js'

describe('what a definition is made of', () => {
  const workspace = workspaceForEach()
  const reached = async (text: string): Promise<readonly string[]> => {
    const files = await new CodeReader(workspace.file('store')).reached(workspace.write('entry.ts', text))
    return files.map((file) => relative(workspace.path, file))
  }
  /** Of these, those that are there. */
  const there = async (text: string): Promise<readonly string[]> =>
    (await reached(text)).filter((file) => statSync(workspace.file(file), { throwIfNoEntry: false })?.isFile())

  it('is every file that it names in any way, all the way', async () => {
    workspace.write('a.ts', "export * from './b.js'\nexport const later = () => import('./c.mjs')\n")
    workspace.write('b.ts', "import { readFileSync } from 'node:fs'\nconst d = require('./d')\n")
    workspace.write(
      'c.mjs',
      "new URL('./table.txt', import.meta.url)\nimport x from './x.json' with { type: 'json' }\n",
    )
    workspace.write('d/index.ts', "import '../a.js'\n")
    workspace.write('table.txt', 'import "./not-code.ts"')
    workspace.write('x.json', '{}')
    const files = ['entry.ts', 'package.json', 'a.ts', 'b.ts', 'c.mjs', 'd/index.ts', 'x.json', 'table.txt']
    expect(await there("import './a.ts'\n")).to.have.members(files)
  })

  it('is nothing of what is erased with the types', async () => {
    workspace.write('types.ts', '')
    const text = "import type { A } from './types.ts'\nexport type { B } from './types.ts'\n// import './types.ts'\n"
    expect(await there(text)).to.deep.equal(['entry.ts', 'package.json'])
  })

  it('is also where a file is expected that is not there, until it is', async () => {
    const text = "import { a } from './lib/a.js'\nconsole.log(a)\n"
    expect(await reached(text)).to.include.members(['lib/a.js', 'lib/a.ts', 'lib/a.tsx', 'lib/a.js/index.ts'])
    workspace.write('lib/a.ts', '')
    expect(await there(text)).to.deep.equal(['entry.ts', 'package.json', 'lib/a.ts'])
  })

  it('is the manifest of an installed package, and the code of one that is linked from where it is written', async () => {
    workspace.write('node_modules/@scope/installed/package.json', '{ "main": "main.js" }')
    workspace.write('node_modules/@scope/installed/main.js', "require('./other')\n")
    workspace.write('beside/package.json', '{ "name": "linked", "exports": { "./deep": "./deep.js" } }')
    workspace.write('beside/deep.js', "import './deeper.js'\n")
    workspace.write('beside/deeper.js', '')
    symlinkSync(workspace.file('beside'), workspace.file('node_modules', 'linked'))
    const text = "import '@scope/installed/file'\nimport 'linked/deep'\nimport 'missing'\n"
    expect(await reached(text)).to.include('node_modules/missing/package.json')
    expect(await there(text)).to.have.members([
      'entry.ts',
      'node_modules/@scope/installed/package.json',
      'beside/deep.js',
      'beside/deeper.js',
      'node_modules/linked/package.json',
      'beside/package.json',
      'package.json',
    ])
  })
})
