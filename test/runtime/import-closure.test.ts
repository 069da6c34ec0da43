import { symlinkSync } from 'node:fs'
import { relative } from 'node:path'
import { expect } from 'chai'
import { importClosure } from '../../src/runtime/import-closure.js'
import { workspaceForEach } from '../support/workspace.js'

describe('what a definition is made of', () => {
  const workspace = workspaceForEach()
  const closure = async (text: string): Promise<readonly string[]> => {
    const entry = workspace.write('entry.ts', text)
    const files = await importClosure(entry, workspace.file('store', 'index', 'watch.json'))
    return files.map((file) => relative(workspace.path, file))
  }

  it('is every file that it names in any way, all the way, and the manifests that go with them', async () => {
    workspace.write('a.ts', "export * from './b.js'\nexport const later = () => import('./c.mjs')\n")
    workspace.write('b.ts', "import { readFileSync } from 'node:fs'\nconst d = require('./d')\n")
    workspace.write(
      'c.mjs',
      "new URL('./table.txt', import.meta.url)\nimport x from './x.json' with { type: 'json' }\n",
    )
    workspace.write('d/index.ts', "import '../a.js'\n")
    workspace.write('table.txt', 'import "./not-code.ts"')
    workspace.write('x.json', '{}')
    workspace.write('package-lock.json', '{}')
    const files = ['entry.ts', 'a.ts', 'b.ts', 'c.mjs', 'd/index.ts', 'x.json', 'table.txt']
    expect(await closure("import './a.ts'\n")).to.have.members([...files, 'package.json', 'package-lock.json'])
  })

  it('is nothing of what is erased with the types', async () => {
    workspace.write('types.ts', '')
    const text = "import type { A } from './types.ts'\nexport type { B } from './types.ts'\n// import './types.ts'\n"
    expect(await closure(text)).to.deep.equal(['entry.ts', 'package.json'])
  })

  it('is also where a file is expected that is not there, until it is', async () => {
    const text = "import { a } from './lib/a.js'\n"
    expect(await closure(text)).to.include.members(['lib/a.js', 'lib/a.ts', 'lib/a.tsx', 'lib/a.js/index.ts'])
    workspace.write('lib/a.ts', '')
    expect(await closure(text)).to.deep.equal(['entry.ts', 'lib/a.ts', 'package.json'])
  })

  it('is the manifest of an installed package, and the code of one that is linked from where it is written', async () => {
    workspace.write('node_modules/@scope/installed/package.json', '{ "main": "main.js" }')
    workspace.write('node_modules/@scope/installed/main.js', "require('./other')\n")
    workspace.write('beside/package.json', '{ "name": "linked", "exports": { "./deep": "./deep.js" } }')
    workspace.write('beside/deep.js', "import './deeper.js'\n")
    workspace.write('beside/deeper.js', '')
    symlinkSync(workspace.file('beside'), workspace.file('node_modules', 'linked'))
    const text = "import '@scope/installed/file'\nimport 'linked/deep'\nimport 'missing'\n"
    expect(await closure(text)).to.have.members([
      'entry.ts',
      'node_modules/@scope/installed/package.json',
      'beside/deep.js',
      'beside/deeper.js',
      'node_modules/missing/package.json',
      'package.json',
    ])
  })
})
