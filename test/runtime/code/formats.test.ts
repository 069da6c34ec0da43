import { readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { format, type Options } from 'prettier'
import { readBuiltCode } from '../../../src/runtime/code/built-code.js'
import { CodeReader } from '../../../src/runtime/code/code-reader.js'
import { stageKinds } from '../../../src/stages/registry.js'
import { checkout, workspaceForAll } from '../../support/workspace.js'

/** The sources of this package: the code is real, and there is much of it. */
const sources = readdirSync(join(checkout, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(join(checkout, 'src', name), 'utf8') }))

const styles: Readonly<Record<string, Options>> = {
  'semicolons, double quotes and narrow lines': {
    semi: true,
    singleQuote: false,
    printWidth: 40,
    trailingComma: 'none',
  },
  'bare arrows, quoted keys and wide lines': {
    semi: false,
    arrowParens: 'avoid',
    quoteProps: 'consistent',
    printWidth: 300,
    bracketSpacing: false,
    useTabs: true,
  },
}

/** By kind of stage, what its code is: each symbol's hash, under its name without the file's ending. */
const codeOfStages = async (root: string, extension: string): Promise<Record<string, object>> => {
  const reader = new CodeReader(join(root, 'no-store'))
  const found: Record<string, object> = {}
  for (const { kind } of stageKinds) {
    const record = await reader.recordOf({ module: join(root, 'src', 'stages', `${kind}.${extension}`), export: kind })
    found[kind] = Object.fromEntries(Object.entries(record!.symbols).map(([key, { syntax }]) => [nameOf(key), syntax]))
  }
  return found
}

const nameOf = (key: string): string => key.replace(/\.[jt]s:/, ':')

const symbolsOf = (stages: Record<string, object>): number =>
  Object.values(stages).reduce((sum, symbols) => sum + Object.keys(symbols).length, 0)

describe('the code of the built-in stages', function () {
  // Hundreds of files, written anew.
  this.timeout(600_000)
  const workspace = workspaceForAll()
  let plain: Record<string, object>

  before(async () => {
    plain = await codeOfStages(checkout, 'ts')
    expect(symbolsOf(plain)).to.be.greaterThan(1_000)
  })

  Object.entries(styles).forEach(([what, style], number) => {
    it(`is the same after prettier has written it with ${what}`, async () => {
      const folder = what.split(' ')[0]!
      workspace.write(`${folder}/package.json`, '{ "name": "genepool", "type": "module" }')
      symlinkSync(join(checkout, 'node_modules'), workspace.file(folder, 'node_modules'))
      let changed = 0
      for (const [index, { name, text }] of sources.entries()) {
        // Each style writes every sixth file: all of them would take minutes.
        const isWritten = index % 6 === number
        const formatted = isWritten ? await format(text, { ...style, parser: 'typescript' }) : text
        changed += formatted === text ? 0 : 1
        workspace.write(`${folder}/src/${name}`, formatted)
      }
      expect(changed).to.be.greaterThan(sources.length / 12)
      expect(await codeOfStages(workspace.file(folder), 'ts')).to.deep.equal(plain)
    })
  })

  it('is the same as what the compiler makes of it: exactly the types are erased', async () => {
    workspace.write('compiled/package.json', '{ "name": "genepool", "type": "module" }')
    symlinkSync(join(checkout, 'node_modules'), workspace.file('compiled', 'node_modules'))
    for (const { name } of sources) {
      const script = name.replace(/ts$/, 'js')
      workspace.write(`compiled/src/${script}`, readFileSync(join(checkout, 'dist', script), 'utf8'))
    }
    expect(await codeOfStages(workspace.file('compiled'), 'js')).to.deep.equal(plain)
  })

  it('is what the build has found', async () => {
    const reader = new CodeReader(join(checkout, 'no-store'))
    for (const { kind } of stageKinds) {
      const module = join(checkout, 'dist', 'stages', `${kind}.js`)
      const { record, packages } = await reader.built(module, kind)
      const built = readBuiltCode(module)!
      expect(built.record, kind).to.deep.equal(record)
      expect(built.packages, kind).to.deep.equal(packages)
    }
  })
})
