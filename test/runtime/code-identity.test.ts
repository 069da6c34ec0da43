import { readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { CodeReader, type CodeIdentity } from '../../src/runtime/code-identity.js'
import { parseCode } from '../../src/runtime/parse-code.js'
import { workspaceForEach } from '../support/workspace.js'

const files = {
  'stage.ts': `import * as fs from 'node:fs'
import { scale } from './scale.js'
import type { Shape } from './shape.js'
import { numbers } from 'numbers'
import deep from '@scope/deep/part'

/** Doubles. */
export const stage = (shape: Shape) => scale(shape.width, numbers, deep, fs) // trailing
`,
  'scale.ts': `export { factor } from './factor.js'\nexport const scale = (...all: unknown[]) => all\n`,
  'factor.ts': 'export const factor = 2\n',
  'shape.ts': 'export interface Shape {\n  width: number\n}\n',
  'unreached.ts': 'export const unreached = 1\n',
  'node_modules/numbers/package.json': '{ "name": "numbers", "version": "1.0.0" }',
  'node_modules/@scope/deep/package.json': '{ "name": "@scope/deep", "version": "3.2.1" }',
}

describe('the identity of code', () => {
  const workspace = workspaceForEach()
  let before: CodeIdentity

  const read = (): Promise<CodeIdentity> => new CodeReader(workspace.file('code.json')).read(workspace.file('stage.ts'))

  beforeEach(async () => {
    for (const [name, text] of Object.entries(files)) workspace.write(name, text)
    before = await read()
  })

  it('is every file that is reached, and every package with its version', () => {
    expect(Object.keys(before.files).sort()).to.deep.equal(['factor.ts', 'scale.ts', 'stage.ts'])
    expect(before.packages).to.deep.equal({ numbers: '1.0.0', '@scope/deep': '3.2.1' })
  })

  it('does not change with comments and formatting', async () => {
    workspace.write(
      'stage.ts',
      files['stage.ts']
        .replace('/** Doubles. */', '/**\n * Does nothing of the kind.\n */')
        .replace("'./scale.js'", '"./scale.js";')
        .replace(
          'scale(shape.width, numbers, deep, fs) // trailing',
          'scale(\n  shape.width,\n  numbers, deep, fs,\n);',
        ),
    )
    expect(await read()).to.deep.equal(before)
  })

  it('changes with a file that is reached through others, and with that one alone', async () => {
    workspace.write('factor.ts', 'export const factor = 3\n')
    const now = await read()
    expect(now.files['factor.ts']).not.to.equal(before.files['factor.ts'])
    expect({ ...now.files, 'factor.ts': '' }).to.deep.equal({ ...before.files, 'factor.ts': '' })
  })

  it('does not change with files that are not reached, or by types alone', async () => {
    workspace.write('unreached.ts', 'export const unreached = 2\n')
    workspace.write('shape.ts', 'export interface Shape {\n  height: number\n}\n')
    expect(await read()).to.deep.equal(before)
  })

  it("changes with a package's version, and says missing where there is none", async () => {
    workspace.write('node_modules/numbers/package.json', '{ "name": "numbers", "version": "1.0.1" }')
    expect((await read()).packages['numbers']).to.equal('1.0.1')
    workspace.write('factor.ts', "import 'nowhere'\nimport './gone.js'\nexport const factor = 2\n")
    const now = await read()
    expect(now.packages['nowhere']).to.equal('missing')
    expect(now.files['./gone.js from factor.ts']).to.equal('missing')
  })

  it('finds files that import each other, and dynamic imports', async () => {
    workspace.write(
      'factor.ts',
      "import { stage } from './stage.js'\nexport const factor = () => [stage, import('./unreached.js')]\n",
    )
    expect(Object.keys((await read()).files).sort()).to.deep.equal([
      'factor.ts',
      'scale.ts',
      'stage.ts',
      'unreached.ts',
    ])
  })

  it('is remembered: a second read parses nothing, and a touched file is parsed again', async () => {
    // The index trusts no file that is younger than the clock's tick.
    await new Promise((resolve) => setTimeout(resolve, 80))
    await read()
    const index = workspace.file('code.json')
    writeFileSync(index, readFileSync(index, 'utf8').replaceAll(before.files['factor.ts']!, 'from the index'))
    expect((await read()).files['factor.ts'], 'what the index says').to.equal('from the index')
    utimesSync(workspace.file('factor.ts'), new Date(), new Date())
    expect(await read()).to.deep.equal(before)
  })

  it('notices a file that changes after it was read', async () => {
    const reader = new CodeReader(workspace.file('code.json'))
    await reader.read(workspace.file('stage.ts'))
    expect(reader.changedSinceRead(workspace.file('stage.ts'))).to.equal(undefined)
    workspace.write('scale.ts', files['scale.ts'])
    expect(reader.changedSinceRead(workspace.file('stage.ts'))).to.equal(workspace.file('scale.ts'))
  })
})

describe('the hash of syntax', () => {
  const hash = (text: string): string => parseCode('a.ts', text).hash

  for (const [what, a, b] of [
    ['an operator', 'export const a = 1 + 2', 'export const a = 1 - 2'],
    ['brackets that bind', 'export const a = (1 + 2) * 3', 'export const a = 1 + 2 * 3'],
    ['a string that looks like code', "export const a = 'b'", 'export const a = b'],
    ['a hole in a list', 'export const a = [1, , 2]', 'export const a = [1, 2]'],
    ['what a line break ends', 'function f() { return\n1 }', 'function f() { return 1 }'],
    ['white space in a string', "export const a = 'b c'", "export const a = 'b  c'"],
    ['white space in a template', 'export const a = `b\nc`', 'export const a = `b\n c`'],
    ['a regular expression', 'export const a = /b/', 'export const a = /b/g'],
    ['a comment in a string', "export const a = 'b' // c", "export const a = 'b // c'"],
    ['await', 'export const a = async () => b()', 'export const a = async () => await b()'],
    ['optional chaining', 'export const a = b?.c', 'export const a = b.c'],
    ['negation', 'export const a = !b', 'export const a = b'],
  ] as const) {
    it(`tells apart: ${what}`, () => {
      expect(hash(a)).not.to.equal(hash(b))
    })
  }
})
