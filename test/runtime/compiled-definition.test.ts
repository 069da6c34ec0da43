import { readdirSync, readFileSync, renameSync, symlinkSync, utimesSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import * as Effect from 'effect/Effect'
import { build, type Plugin } from 'esbuild'
import { readChecked } from '../../src/runtime/checked-text.js'
import { loadDefinition } from '../../src/runtime/definition/load.js'
import { ownPackage } from '../../src/runtime/definition/own-package.js'
import { compiledDefinitions, runCompiled } from '../../src/runtime/definition/compiled-definition.js'
import { pause, start } from '../support/child.js'
import { checkout, workspaceForEach } from '../support/workspace.js'

const child = fileURLToPath(new URL('../support/load-definitions.js', import.meta.url))

interface Loaded {
  readonly isCompiled: boolean
  /** The definition, or what was said instead. */
  readonly byLoader: object
  readonly compiled: object
}

/** Longer than a tick of the file system's clock: what was written before is taken as settled. */
const settled = () => pause(120)

describe('a compiled definition', () => {
  const workspace = workspaceForEach()

  beforeEach(() => {
    compiledDefinitions.folder = workspace.file('cache')
    ownPackage.load = () => import('../../src/index.js')
  })
  afterEach(() => {
    compiledDefinitions.folder = undefined
    ownPackage.load = undefined
  })

  const kept = (): readonly { script?: object }[] =>
    readdirSync(workspace.file('cache')).map(
      (name) =>
        (
          JSON.parse(readChecked(readFileSync(workspace.file('cache', name), 'utf8'))!) as {
            compiled: { script?: object }
          }
        ).compiled,
    )
  const isCompiled = (): boolean => kept().every(({ script }) => script !== undefined)
  const load = (file: string) => Effect.runPromise(loadDefinition(file))

  it('names what is imported and not there, and the line, without loading anything else', async () => {
    const missing = async (file: string): Promise<string> =>
      Effect.runPromise(Effect.flip(loadDefinition(workspace.file(file)))).then(({ message }) =>
        message.replaceAll(`${relative(process.cwd(), workspace.path)}/`, '').replaceAll(`${workspace.path}/`, ''),
      )
    workspace.write(
      'imports.ts',
      "import { pipeline } from 'genepool'\nimport { n } from './lib/n.js'\nexport default pipeline(n)",
    )
    const absent = "cannot load imports.ts: './lib/n.js' is not there, which imports.ts:2 imports"
    expect(await missing('imports.ts')).to.equal(absent)
    workspace.write('lib/other.ts', '')
    expect(await missing('imports.ts')).to.equal(absent)
    workspace.write('lib/n.ts', "import './m'\nexport const n = 'n'")
    expect(await missing('imports.ts')).to.equal("cannot load imports.ts: './m' is not there, which lib/n.ts:1 imports")
    workspace.write('lib/m.ts', '')
    expect(await missing('imports.ts')).to.match(/^pipeline 'n' has no stages/)
  })

  const loadBoth = async (...files: readonly string[]): Promise<readonly Loaded[]> => {
    const { stdout, stderr } = await start([child, workspace.file('cache'), ...files], { cwd: workspace.path }).done
    expect(stderr).to.equal('')
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Loaded)
  }
  const expectSame = ({ isCompiled, byLoader, compiled }: Loaded): string => {
    expect(isCompiled).to.equal(true)
    expect(JSON.stringify(compiled)).to.equal(JSON.stringify(byLoader))
    return JSON.stringify(compiled)
  }

  it('is what the loader of TypeScript gives, places included, of every pipeline in the box', async () => {
    const pipelines = readdirSync(`${checkout}/pipelines`).filter((name) => name.endsWith('.ts'))
    const loaded = await loadBoth(...pipelines.map((name) => `${checkout}/pipelines/${name}`))
    for (const each of loaded) expect(expectSame(each)).to.contain('"line":')
    expect(kept()).to.have.length(pipelines.length)
  })

  it('is compiled without an end to what else in this process compiles', async () => {
    const slow: Plugin = {
      name: 'slow',
      setup: ({ onLoad }) => {
        onLoad({ filter: /.*/ }, async () => {
          await pause(2_000)
          return { contents: 'export default 1' }
        })
      },
    }
    const other = build({ entryPoints: [workspace.write('other.js', '')], write: false, plugins: [slow] })
    await load(
      workspace.write(
        'a.ts',
        `import { mnist, pipeline } from 'genepool'\nexport default pipeline('a').data(mnist())\n`,
      ),
    )
    expect((await other).outputFiles).to.have.length(1)
  })

  const parts = (): string => {
    workspace.write('sizes.json', '{ "depth": 3, "widths": [12, 24] }\n')
    workspace.write(
      'shared/model.ts',
      `import sizes from '../sizes.json' with { type: 'json' }
import { vit } from 'genepool'
import { type Half, halves } from './half.js'

enum Heads { few = 3 }

export class Shapes {
  declare unset: number
  readonly depth = sizes.depth as number
  shape = (width: Half): ReturnType<typeof vit> =>
    vit({ embedDim: width, depth: this.depth, numHeads: Heads.few })
}
export { halves }
`,
    )
    workspace.write('shared/half.ts', `export type Half = number\nexport const halves = (n: number): Half => n / 2\n`)
    return workspace.write(
      'many.ts',
      `import fs, { existsSync } from 'node:fs'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { mnist, pipeline } from 'genepool'
import { Shapes, halves } from './shared/model'

/** ä → 𝕏 */ const wide = { text: 'ä→𝕏', width: halves(48) }
if (fs.existsSync !== existsSync || 'unset' in new Shapes()) throw new Error('something else')

export default pipeline(\`many-\${path.basename(__name(wide).text).length}-\`, { seed: 1 })
  .data(mnist({ take: 64 }))
  .teacher(new Shapes().shape(wide.width), { epochs: 1 })

function __name<A>(value: A): A {
  return value
}
export const here = fileURLToPath(new URL('.', 'file:///a/'))
`,
    )
  }

  it('may be made of several files, with JSON, enums, classes and modules of Node', async () => {
    const file = parts()
    const [many] = await loadBoth(file)
    expect(expectSame(many!)).to.contain('"name":"many-4-"')
  })

  it('is compiled once and evaluated in every run', async () => {
    const file = workspace.write(
      'env.ts',
      `import { mnist, pipeline } from 'genepool'\n` +
        `export default pipeline(process.env['NAME_OF_IT'] ?? 'none').data(mnist())\n`,
    )
    await settled()
    process.env['NAME_OF_IT'] = 'first'
    expect((await load(file)).name).to.equal('first')
    const [entry] = readdirSync(workspace.file('cache'))
    utimesSync(workspace.file('cache', entry!), 1, 1)
    process.env['NAME_OF_IT'] = 'second'
    expect((await load(file)).name).to.equal('second')
    delete process.env['NAME_OF_IT']
    // Not written again.
    expect(readdirSync(workspace.file('cache'))).to.deep.equal([entry])
    expect(JSON.stringify(kept())).to.contain('NAME_OF_IT')
  })

  it('is compiled again when a file of it changed, another took its place, or one came that may be meant', async () => {
    const name = async (): Promise<string> => (await load(workspace.file('main.ts'))).name
    workspace.write(
      'main.ts',
      `import { mnist, pipeline } from 'genepool'\nimport { name } from './name.js'\n` +
        `export default pipeline(name).data(mnist())\n`,
    )
    workspace.write('name.ts', `export const name = 'one'\n`)
    await settled()
    expect([await name(), await name()]).to.deep.equal(['one', 'one'])
    workspace.write('name.ts', `export const name = 'two'\n`)
    expect(await name()).to.equal('two')
    await settled()
    expect(await name()).to.equal('two')
    // As long as before, and as old.
    const old = new Date(1_000)
    workspace.write('other.ts', `export const name = 'six'\n`)
    utimesSync(workspace.file('name.ts'), old, old)
    expect(await name()).to.equal('two')
    utimesSync(workspace.file('other.ts'), old, old)
    renameSync(workspace.file('other.ts'), workspace.file('name.ts'))
    expect(await name()).to.equal('six')
    await settled()
    expect(isCompiled()).to.equal(true)
    workspace.write('name.js', `export const name = 'which?'\n`)
    await load(workspace.file('main.ts'))
    expect(isCompiled(), 'two files could be meant').to.equal(false)
  })

  it('goes by where a link leads', async () => {
    workspace.write('a.ts', `import { mnist, pipeline } from 'genepool'\nexport default pipeline('a').data(mnist())\n`)
    workspace.write('b.ts', `import { mnist, pipeline } from 'genepool'\nexport default pipeline('b').data(mnist())\n`)
    symlinkSync('a.ts', workspace.file('link.ts'))
    await settled()
    expect((await load(workspace.file('link.ts'))).name).to.equal('a')
    symlinkSync('b.ts', workspace.file('new.ts'))
    renameSync(workspace.file('new.ts'), workspace.file('link.ts'))
    expect((await load(workspace.file('link.ts'))).name).to.equal('b')
  })

  const usual = `import { mnist, pipeline } from 'genepool'\n`
  const rest = `export default pipeline('unusual').data(mnist())\n`
  for (const [what, text] of Object.entries({
    'waits at its top': `await Promise.resolve()\n`,
    'imports while it runs': `const { join } = await import('node:path')\nvoid join\n`,
    'asks for require': `if (typeof require === 'function') void require\n`,
    'resolves names': `void import.meta.resolve('node:fs')\n`,
    'evaluates text': `void (0, eval)('1')\nvoid eval('1')\n`,
  })) {
    it(`that ${what} is left to the loader of TypeScript`, async () => {
      const file = workspace.write('unusual.ts', `${usual}${text}${rest}`)
      expect(await runCompiled(file)).to.equal(undefined)
      expect((await load(file)).name).to.equal('unusual')
    })
  }

  it('gets of another package what Node finds from its file: by the package, and by the folder', async () => {
    for (const [folder, version] of [
      ['', 'outer'],
      ['deep/', 'inner'],
    ] as const) {
      const at = `${folder}node_modules/named`
      workspace.write(
        `${at}/package.json`,
        '{ "name": "named", "exports": { "import": "./a.mjs", "require": "./b.cjs" } }',
      )
      workspace.write(`${at}/a.mjs`, `export const by = 'import-${version}'\nexport default 1\n`)
      workspace.write(`${at}/b.cjs`, `exports.by = 'require'\n`)
    }
    workspace.write('deep/name.ts', `export { by as inner } from 'named'\n`)
    const text = `import one, { by } from 'named'\nimport { inner } from './deep/name.js'\n`
    const file = workspace.write(
      'packages.ts',
      `${usual}${text}export default pipeline(\`${'${by}'}-${'${inner}'}-${'${one}'}\`).data(mnist())\n`,
    )
    expect(await runCompiled(file)).not.to.equal(undefined)
    expect((await load(file)).name).to.equal('import-outer-import-inner-1')
  })

  it('knows where it lies', async () => {
    const about = '[import.meta.url, import.meta.dirname, import.meta.filename]'
    const file = workspace.write(
      'here.ts',
      `${usual}import { createHash } from 'node:crypto'
const here = createHash('sha256').update(JSON.stringify(${about})).digest('hex').slice(0, 16)
export default pipeline(\`at-\${here}\`).data(mnist())\n`,
    )
    expectSame((await loadBoth(file))[0]!)
  })

  it('may lie in a folder of any name', async () => {
    workspace.write(
      'a b/ä#1/%41/part.ts',
      `import { mnist } from 'genepool'\n\nexport const data = mnist({ take: 64 })\n`,
    )
    const file = workspace.write(
      'a b/ä#1/%41/main.ts',
      `${usual}import { data } from './part.js'\nvoid mnist\n` +
        `export default pipeline(import.meta.filename.slice(-7, -3)).data(data)\n`,
    )
    const [loaded] = await loadBoth(file)
    expect(loaded!.isCompiled, 'import.meta of several files').to.equal(false)
    workspace.write(
      'a b/ä#1/%41/main.ts',
      `${usual}import { data } from './part.js'\nvoid mnist\nexport default pipeline('main').data(data)\n`,
    )
    expect(expectSame((await loadBoth(file))[0]!)).to.contain('/a b/ä#1/%41/main.ts","line":4')
  })

  it('in JavaScript is the same, and what Node would not load is left to Node', async () => {
    workspace.write('part.mjs', `import { mnist } from 'genepool'\n\nexport const data = mnist({ take: 64 })\n`)
    const main = (from: string): string =>
      `import { pipeline } from 'genepool'\nimport { data } from '${from}'\nexport default pipeline('main').data(data)\n`
    const file = workspace.write('main.mjs', main('./part.mjs'))
    expect(expectSame((await loadBoth(file))[0]!)).to.contain('main.mjs')
    const wrong = workspace.write('wrong.mjs', main('./part'))
    const [{ isCompiled, byLoader, compiled }] = (await loadBoth(wrong)) as [Loaded]
    expect({ isCompiled, compiled }).to.deep.equal({ isCompiled: false, compiled: byLoader })
    workspace.write('common/package.json', '{}\n')
    expect(await runCompiled(workspace.write('common/main.js', main('../part.mjs')))).to.equal(undefined)
  })

  it('of a folder of CommonJS is the same', async () => {
    workspace.write('package.json', '{}\n')
    const file = workspace.write(
      'main.ts',
      `${usual}import fs from 'fs'\nexport default pipeline(typeof fs.statSync).data(mnist())\n`,
    )
    expect(expectSame((await loadBoth(file))[0]!)).to.contain('"name":"function"')
  })

  it('that throws says what the loader of TypeScript says, in whichever file', async () => {
    workspace.write(
      'shape.ts',
      `import { vit } from 'genepool'\n\nexport const shape = () =>\n  vit({ embedDim: 10, depth: 2, numHeads: 3 })\n`,
    )
    const wrong = workspace.write(
      'wrong.ts',
      `${usual}import { shape } from './shape.ts'\nexport default pipeline('a').data(mnist()).teacher(shape())\n`,
    )
    const broken = workspace.write('broken.ts', `${usual}const a = {\n`)
    const thrown = workspace.write('thrown.ts', `${usual}throw new TypeError('no such thing')\n`)
    const missing = workspace.write('missing.ts', `import { nmist } from 'genepool'\n\nexport default nmist()\n`)
    const said = await loadBoth(wrong, broken, thrown)
    for (const { byLoader, compiled } of said) expect(compiled).to.deep.equal(byLoader)
    const messages = said.map(({ compiled }) => (compiled as { message: string }).message)
    expect(messages[0]).to.match(/shape\.ts:4:3\)$/)
    expect(messages[1]).to.match(/broken\.ts:3:0\)$/)
    expect(messages[2]).to.match(/no such thing \(.*thrown\.ts:2:7\)$/)
    expect((await loadBoth(missing))[0]!.compiled)
      .to.have.property('message')
      .match(/nmist is not a function \(.*missing\.ts:3:16\)$/)
  })

  it('that throws is evaluated once', async () => {
    const file = workspace.write(
      'counting.ts',
      `${usual}import { appendFileSync } from 'node:fs'\n` +
        `appendFileSync('${workspace.file('count')}', '+')\nthrow new Error('no')\n`,
    )
    const said = await load(file).catch(({ message }: Error) => message)
    expect(said).to.match(/no \(.*counting\.ts:4:7\)$/)
    expect(readFileSync(workspace.file('count'), 'utf8')).to.equal('+')
  })
})
