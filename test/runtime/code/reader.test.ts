import { mkdirSync, readFileSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { readBuiltCode, writeBuiltCode } from '../../../src/runtime/code/built-code.js'
import { CodeReader } from '../../../src/runtime/code/code-reader.js'
import { readCodeRecord, recordPath } from '../../../src/runtime/code/record-store.js'
import { stageKinds } from '../../../src/stages/registry.js'
import { numericPackages } from '../../../src/engine/installed.js'
import { start } from '../../support/child.js'
import { codeOf, digestOf, writeFiles } from '../../support/stage-code.js'
import { checkout, workspaceForEach } from '../../support/workspace.js'

const files = {
  'stage.ts': "import { helper } from './helper.js'\nexport const stage = () => helper()",
  'helper.ts': 'export const helper = () => 1\nexport const other = () => 1',
}

/** The index trusts no file that is younger than the clock's tick. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 120))

describe('reading code', () => {
  const workspace = workspaceForEach()
  const entry = () => ({ module: workspace.file('stage.ts'), export: 'stage' })
  const reader = (): CodeReader => new CodeReader(workspace.file('store'))

  beforeEach(() => {
    writeFiles(workspace, files)
    mkdirSync(workspace.file('store'))
  })

  it('of unchanged files reads one index: nothing is parsed, and no parser is loaded', async () => {
    await settle()
    const first = reader()
    const { digest } = await first.read(entry())
    first.save()
    unlinkSync(workspace.file('store', 'index', 'code.json'))
    const script = `
      import { CodeReader } from '${checkout}/dist/runtime/code/code-reader.js'
      const reader = new CodeReader(${JSON.stringify(workspace.file('store'))})
      const { digest } = await reader.read(${JSON.stringify(entry())})
      const { createRequire } = await import('node:module')
      const cache = Object.keys(createRequire(import.meta.url).cache)
      console.log(JSON.stringify({ digest, parsers: cache.filter((name) => /ts-morph|typescript/.test(name)) }))`
    workspace.write('read.mjs', script)
    const { stdout } = await start([workspace.file('read.mjs')], { cwd: workspace.path }).done
    expect(JSON.parse(stdout)).to.deep.include({ digest, parsers: [] })
  })

  it('parses a file again once it is touched, and finds the same', async () => {
    await settle()
    const first = reader()
    const { digest } = await first.read(entry())
    first.save()
    utimesSync(workspace.file('helper.ts'), new Date(), new Date())
    expect((await reader().read(entry())).digest).to.equal(digest)
  })

  it('sees a file that comes to be where an import looks first', async () => {
    writeFiles(workspace, { 'helper.ts': '', 'helper.js': 'export const helper = () => 1' })
    unlinkSync(workspace.file('helper.ts'))
    await settle()
    const first = reader()
    const { digest } = await first.read(entry())
    first.save()
    workspace.write('helper.ts', 'export const helper = () => 2')
    expect((await reader().read(entry())).digest).not.to.equal(digest)
  })

  it('keeps records under their digests, and takes no damaged one', async () => {
    const code = reader()
    const { digest } = await code.read(entry())
    await code.keep(entry())
    const root = workspace.file('store')
    expect(readCodeRecord(root, digest)).to.deep.equal(await code.recordOf(entry()))
    const path = recordPath(root, digest)
    writeFileSync(path, readFileSync(path, 'utf8').replace('helper.ts:helper', 'helper.ts:hepler'))
    expect(readCodeRecord(root, digest)).to.equal(undefined)
  })

  it('notices an edit of what is reached after it was read, and no other', async () => {
    const code = reader()
    await code.read(entry())
    expect(await code.changedSinceRead(entry())).to.equal(undefined)
    workspace.write('helper.ts', `// Longer.\n${files['helper.ts'].replace('other = () => 1', 'other = () => 2')}`)
    expect(await code.changedSinceRead(entry()), 'what is not reached').to.equal(undefined)
    workspace.write('helper.ts', files['helper.ts'].replace('helper = () => 1', 'helper = () => 2'))
    expect(await code.changedSinceRead(entry()), 'what is reached').to.equal(workspace.file('helper.ts'))
  })

  it('notices an edit that was taken back: something else may have been loaded in between', async () => {
    const code = reader()
    await code.read(entry())
    workspace.write('helper.ts', files['helper.ts'].replace('helper = () => 1', 'helper = () => 2'))
    await settle()
    workspace.write('helper.ts', files['helper.ts'])
    expect(await code.changedSinceRead(entry())).to.equal(workspace.file('helper.ts'))
  })
})

describe('code that a build has found', () => {
  const workspace = workspaceForEach()
  const module = (): string => workspace.file('stage.js')
  const helper = 'export const helper = () => 1\n'
  const reader = (): CodeReader => new CodeReader(workspace.file('store'))

  beforeEach(async () => {
    workspace.write('stage.js', "import { helper } from './helper.js'\nexport const stage = () => helper()\n")
    workspace.write('helper.js', helper)
    writeBuiltCode(module(), 'this test', await reader().built(module(), 'stage'))
  })

  it('is what its files have, as long as they are what they were', async () => {
    const built = readBuiltCode(module())!
    expect(built.record).to.deep.equal((await reader().built(module(), 'stage')).record)
    expect(readBuiltCode(module(), 'another one')).to.equal(undefined)
    const { digest } = await reader().read({ module: module(), export: 'stage' })
    workspace.write('helper.js', `// The same.\n${helper}`)
    expect(readBuiltCode(module())).to.equal(undefined)
    expect((await reader().read({ module: module(), export: 'stage' })).digest).to.equal(digest)
    workspace.write('helper.js', helper.replace('1', '2'))
    expect((await reader().read({ module: module(), export: 'stage' })).digest).not.to.equal(digest)
  })

  it('is no longer what was read once a file is another, or was meanwhile: a worker may have loaded it', async () => {
    const code = reader()
    const entry = { module: module(), export: 'stage' }
    await code.read(entry)
    workspace.write('helper.js', helper.replace('1', '2'))
    expect(await code.changedSinceRead(entry)).to.equal(workspace.file('helper.js'))
    await settle()
    workspace.write('helper.js', helper)
    expect(await code.changedSinceRead(entry)).to.equal(workspace.file('helper.js'))
  })
})

describe('versions of packages', () => {
  const workspace = workspaceForEach()
  const uses = "import { add } from 'numbers'\nexport const stage = () => add()\nexport const other = 1"
  const manifest = (name: string, version: string, dependencies: object = {}): string =>
    JSON.stringify({ name, version, dependencies })

  beforeEach(() => {
    writeFiles(workspace, {
      'stage.ts': uses,
      'node_modules/numbers/package.json': manifest('numbers', '1.0.0', { deep: '*' }),
      'node_modules/numbers/node_modules/deep/package.json': manifest('deep', '2.0.0', { far: '*' }),
      'node_modules/deep/package.json': manifest('deep', '3.0.0'),
      'node_modules/far/package.json': manifest('far', '4.0.0', { '@types/far': '*' }),
      'node_modules/@types/far/package.json': manifest('@types/far', '5.0.0'),
    })
  })

  it('are those of what is reached and of all that it needs in turn, as they are installed', async () => {
    expect((await codeOf(workspace)).packages).to.deep.equal({ numbers: '1.0.0', deep: '2.0.0', far: '4.0.0' })
    // What a module imports is loaded with it, whatever of the module is used.
    expect((await codeOf(workspace, 'other')).packages).to.have.property('numbers')
    workspace.write('node_modules/far/package.json', manifest('far', '4.0.1'))
    expect((await codeOf(workspace)).packages['far']).to.equal('4.0.1')
  })

  it("come from npm's record of what is installed where it is true, copies within others apart", async () => {
    const lock = (far: string): string =>
      JSON.stringify({
        packages: {
          'node_modules/numbers': { version: '1.0.0', dependencies: { deep: '*' } },
          'node_modules/numbers/node_modules/deep': { version: '2.0.0', dependencies: { far: '*' } },
          'node_modules/deep': { version: '3.0.0' },
          'node_modules/far': { version: far, optionalDependencies: { absent: '*' } },
        },
      })
    workspace.write('node_modules/.package-lock.json', lock('4.0.0'))
    expect((await codeOf(workspace)).packages).to.deep.equal({
      numbers: '1.0.0',
      'numbers/node_modules/deep': '2.0.0',
      far: '4.0.0',
    })
    const before = await digestOf(workspace)
    workspace.write('node_modules/.package-lock.json', lock('4.0.1'))
    expect(await digestOf(workspace)).not.to.equal(before)
    workspace.write('node_modules/numbers/package.json', manifest('numbers', '9.0.0'))
    expect((await codeOf(workspace)).packages, 'changed by hand').to.deep.equal({ numbers: '9.0.0' })
  })

  it('are not asked of a package that is linked from elsewhere: its files are followed', async () => {
    workspace.write('elsewhere/package.json', '{ "name": "linked", "exports": { ".": { "default": "./main.js" } } }')
    workspace.write('elsewhere/main.js', 'export const add = () => 1\nexport const other = 1')
    symlinkSync(workspace.file('elsewhere'), workspace.file('node_modules', 'linked'))
    workspace.write('stage.ts', uses.replace('numbers', 'linked'))
    const before = await codeOf(workspace)
    expect(Object.keys(before.symbols)).to.include('elsewhere/main.js:add')
    expect(before.packages).to.deep.equal({})
    workspace.write('elsewhere/main.js', 'export const add = () => 1\nexport const other = 2')
    expect((await codeOf(workspace)).symbols).to.deep.equal(before.symbols)
    workspace.write('elsewhere/main.js', 'export const add = () => 2\nexport const other = 2')
    expect((await codeOf(workspace)).symbols).not.to.deep.equal(before.symbols)
  })

  it('of packages that are left out count only where another needs them', async () => {
    const read = async (without: readonly string[]) =>
      (await new CodeReader(workspace.file('store')).recordOf(
        { module: workspace.file('stage.ts'), export: 'stage' },
        without,
      ))!
    expect((await read(['numbers'])).packages).to.deep.equal({})
    expect((await read(['deep'])).packages).to.have.property('deep')
  })

  it('of what is not installed are missing, and count once they are there', async () => {
    workspace.write('stage.ts', uses.replace('numbers', 'absent'))
    const before = await codeOf(workspace)
    expect(Object.keys(before.symbols)).to.include("missing 'absent' in stage.ts")
    workspace.write('node_modules/absent/package.json', manifest('absent', '1.0.0'))
    expect((await codeOf(workspace)).packages).to.deep.equal({ absent: '1.0.0' })
  })
})

describe('code that cannot be followed', () => {
  const workspace = workspaceForEach()
  const found = async (text: string, extension = 'ts'): Promise<readonly string[]> => {
    workspace.write(`stage.${extension}`, text)
    return (await codeOf(workspace, 'stage', `stage.${extension}`)).opaque.map(({ line, what }) => `${line}: ${what}`)
  }

  for (const [what, text, says] of [
    ['import() of a computed name', 'export const stage = (a) =>\n  import(a)', '2: import() of a computed name'],
    [
      'a template with something in it',
      'export const stage = (a) => import(`./${a}.js`)',
      '1: import() of a computed name',
    ],
    ['eval', 'export const stage = (a) => eval(a)', '1: eval'],
    ['eval by another name', 'export const stage = (a) => { const run = eval; return run(a) }', '1: eval'],
    ['new Function', "export const stage = () => new Function('return 1')", '1: new Function()'],
    [
      'require of a computed name',
      "import { createRequire } from 'node:module'\nconst load = createRequire(import.meta.url)\nexport const stage = (a) => load(a)",
      '3: require() of a computed name',
    ],
    [
      'require that is handed on',
      "import { createRequire } from 'node:module'\nconst load = createRequire(import.meta.url)\nexport const stage = (f) => f(load)",
      '3: require, handed on',
    ],
    [
      'createRequire of another place',
      "import { createRequire } from 'node:module'\nexport const stage = (a) => createRequire(a)('b')",
      '2: createRequire() of another place',
    ],
    [
      'node:vm',
      "import * as vm from 'node:vm'\nexport const stage = (a) => vm.runInThisContext(a)",
      '2: code that node:vm compiles',
    ],
    [
      'another program',
      "import { execFileSync } from 'node:child_process'\nexport const stage = () => execFileSync('python')",
      '2: another program, started by node:child_process',
    ],
    [
      'a thread of a computed name',
      "import { Worker } from 'node:worker_threads'\nexport const stage = (a) => new Worker(a)",
      '2: a thread of a computed name',
    ],
    [
      'a file beside the module, of a computed name',
      'export const stage = (a) => new URL(a, import.meta.url)',
      '1: a file of a computed name, beside the module',
    ],
    [
      'a path made from where the module is',
      'export const stage = () => import.meta.dirname',
      '1: a path made from import.meta.dirname',
    ],
    ['a text for a timer', "export const stage = () => setTimeout('a()', 1)", '1: setTimeout() of a text'],
    [
      'module hooks',
      "import { register } from 'node:module'\nexport const stage = () => register('./a.js')",
      '2: a loader of node:module',
    ],
  ] as const) {
    it(`is told with its line: ${what}`, async () => {
      expect(await found(text)).to.deep.equal([says])
    })
  }

  it('is followed after all where it is written out', async () => {
    workspace.write('a.json', '1')
    expect(
      await found("import { join } from 'node:path'\nexport const stage = () => join(import.meta.dirname, 'a.json')"),
    ).to.deep.equal([])
    expect(Object.keys((await codeOf(workspace)).symbols)).to.include('a.json:contents')
  })

  it('does not count where it is not reached, nor where a name only looks like it', async () => {
    expect(await found('export const stage = () => 1\nexport const other = (a) => eval(a)')).to.deep.equal([])
    expect(
      await found('const eval2 = (a) => a\nexport const stage = (eval_, Worker) => [eval2(eval_), new Worker(1)]'),
    ).to.deep.equal([])
  })

  it('counts in a statement that runs when the module is loaded', async () => {
    expect(await found('export const stage = () => 1\nawait import(globalThis.name)')).to.deep.equal([
      '2: import() of a computed name',
    ])
  })

  it('is covered where a comment says so, with a reason', async () => {
    const reason = '// genepool: opaque the version is in the parameters'
    expect(await found(`export const stage = (a) =>\n  ${reason}\n  import(a)`)).to.deep.equal([])
    expect(await found(`export const stage = (a) => import(a) ${reason}`)).to.deep.equal([])
    expect(await found('export const stage = (a) => import(a) // genepool: opaque')).to.have.length(1)
  })

  it('changes the digest, and changes it again once it is covered', async () => {
    const digests: string[] = []
    for (const text of [
      'export const stage = (a) => a',
      'export const stage = (a) => import(a)',
      'export const stage = (a) => import(a) // genepool: opaque it is only data',
    ]) {
      workspace.write('stage.ts', text)
      digests.push(await digestOf(workspace))
    }
    expect(new Set(digests)).to.have.length(3)
  })

  it('is in no built-in stage', async () => {
    const code = new CodeReader(workspace.file('store'))
    for (const { kind, module, entry, usesEngine } of stageKinds) {
      if (!('export' in entry)) throw new Error(`${kind} is not built in`)
      const { opaque } = await code.read({ module, export: entry.export }, usesEngine ? numericPackages : [])
      expect(opaque, kind).to.deep.equal([])
    }
  })
})
