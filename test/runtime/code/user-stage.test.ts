import { expect } from 'chai'
import { CodeReader } from '../../../src/runtime/code/code-reader.js'
import type { CodeRecord } from '../../../src/runtime/code/code-record.js'
import { changesBetween } from '../../support/stage-code.js'
import { workspaceForEach } from '../../support/workspace.js'

const head = "import { stage } from 'genepool'\n"

describe("the code of a stage of the user's own", () => {
  const workspace = workspaceForEach()

  /** Of the stage of this name in own.ts; `line` is where a stack says that its call stands. */
  const codeOf = async (name: string, line = 0, file = 'own.ts'): Promise<CodeRecord> =>
    (await new CodeReader(workspace.file('store')).recordOf({
      module: workspace.file('own.ts'),
      call: name,
      place: { file: workspace.file(file), line, column: 1 },
    }))!

  const changes = async (before: string, after: string, name = 'a', line = 0): Promise<readonly string[]> => {
    workspace.write('own.ts', head + before)
    const old = await codeOf(name, line)
    workspace.write('own.ts', head + after)
    const now = await codeOf(name, line)
    return JSON.stringify(old.symbols) === JSON.stringify(now.symbols) ? [] : changesBetween(old, now)
  }

  it('is its run alone: not its name, its parameters or other stages of the file', async () => {
    const text = (name: string, params: number, other: number): string =>
      `export const a = stage('${name}', { params: { n: ${params} }, run: ({ params }) => ({ n: f() + params.n }) })\nconst f = () => 1\nstage('b', { run: () => ({ n: ${other} }) })`
    expect(await changes(text('a', 1, 1), text('a', 2, 2))).to.deep.equal([])
  })

  it('is what its run reaches, however run is written', async () => {
    for (const [how, run] of [
      ['an arrow', 'run: () => helper()'],
      ['a method', 'run() { return helper() }'],
      ['an async method', 'async run() { return helper() }'],
      ['a name', 'run: helper'],
      ['a member of a module', 'run: own.helper'],
      ['a wrapped function', 'run: Object.freeze(() => helper())'],
    ] as const) {
      const text = (n: number): string =>
        `import * as own from './own.js'\nexport const helper = () => ({ n: ${n} })\nexport const a = stage('a', { ${run} })`
      expect(await changes(text(1), text(2)), how).to.deep.equal(['helper edited'])
    }
    expect(
      await changes("export const a = stage('a', { run: () => 1 })", "export const a = stage('a', { run: () => 2 })"),
    ).to.deep.equal(['run edited'])
  })

  it('is both run and a declaration of that name', async () => {
    const text = (outer: number, inner: number): string =>
      `const run = () => ({ n: ${outer} })\nexport const a = stage('a', { run: () => [${inner}, run()] })`
    expect(await changes(text(1, 1), text(2, 1))).to.deep.equal(['run edited'])
    expect(await changes(text(1, 1), text(1, 2))).to.deep.equal(['run edited'])
  })

  it('is all that calls the function around it, where run uses what that was given', async () => {
    const text = (n: number): string =>
      `const made = (n) => stage('a', { run: () => ({ n }) })\nexport const a = made(${n})\nexport const other = 1`
    expect(await changes(text(1), text(2))).to.deep.equal(['a edited'])
    const wrapped = (n: number): string =>
      `const made = (n) => stage(\`a\${n}\`, { run: () => ({ n }) })\nconst twice = (n) => made(2 * n)\nexport default [twice(${n})]`
    expect(await changes(wrapped(1), wrapped(2), 'a2', 2)).to.deep.equal(['*default* edited'])
  })

  it('is what the function of a suite does besides building, wherever that is written', async () => {
    const imports = "import { pipeline, suite } from 'genepool'\nconst seen = []\n"
    const body = (n: number, read = 'size'): string =>
      `({ size }) => { seen.push(size + ${n}); return pipeline('p').add(stage('a', { params: { size: ${read} }, run: () => seen })) }`
    const given: Readonly<Record<string, (n: number) => string>> = {
      'by name': (n) => `const build = ${body(n)}\nexport default suite('s', { size: [1] }, build)`,
      'by a call': (n) =>
        `const make = (n) => ${body(1).replace('+ 1', '+ n')}\nexport default suite('s', { size: [1] }, make(${n}))`,
      'of an object': (n) => `const on = { build: ${body(n)} }\nexport default suite('s', { size: [1] }, on.build)`,
      'in a getter': (n) =>
        `const on = { get x() { seen.push(${n}); return 1 } }\nexport default suite('s', { size: [1] }, () => pipeline('p').add(stage('a', { params: { x: on.x }, run: () => seen })))`,
    }
    for (const [how, text] of Object.entries(given)) {
      expect(await changes(`${imports}${text(1)}`, `${imports}${text(2)}`), how).not.to.deep.equal([])
    }
    const builds = (n: number): string =>
      `const build = ({ size }) => pipeline('p').data({ size: ${n} }).add(stage('a', { run: () => 1 }))\nexport default suite('s', { size: [1] }, build)`
    expect(await changes(imports + builds(1), imports + builds(2))).to.deep.equal([])
  })

  it('is what its parameters do when they are read', async () => {
    const text = (n: number): string =>
      `let n = 0\nexport const a = stage('a', { params: { get x() { n += ${n}; return 1 } }, run: () => n })`
    expect(await changes(text(1), text(2))).not.to.deep.equal([])
  })

  it('is all that its modules export where it loads some by names that nothing says', async () => {
    for (const [how, load] of [
      ['import()', "await import(['./lib', 'js'].join('.'))"],
      ['require, handed on', "((by) => by(['./lib', 'js'].join('.')))(createRequire(import.meta.url))"],
    ]) {
      const text = `import { createRequire } from 'node:module'\nimport { used } from './lib.js'\nexport const a = stage('a', { run: async () => used() + (${load}).other() })`
      const lib = (n: number, more = ''): void =>
        void workspace.write('lib.ts', `export const used = () => 1\nexport const other = () => ${n}${more}`)
      lib(1)
      workspace.write('own.ts', head + text)
      const before = await codeOf('a')
      lib(1, '\n// said\nconst never = () => 1')
      expect(
        changesBetween(before, await codeOf('a')).filter((each) => each !== 'code edited'),
        how,
      ).to.deep.equal([])
      lib(2)
      expect(changesBetween(before, await codeOf('a')), how).to.deep.equal(['other edited'])
    }
  })

  it('is not that where a comment says what covers it', async () => {
    const load = "import(['./lib', 'js'].join('.')) // genepool: opaque which one is among the parameters"
    workspace.write(
      'own.ts',
      `${head}import { used } from './lib.js'\nexport const a = stage('a', { run: async () => [used(),\n${load}\n] })`,
    )
    const lib = (n: number) => workspace.write('lib.ts', `export const used = () => 1\nexport const other = () => ${n}`)
    lib(1)
    const before = await codeOf('a')
    lib(2)
    expect((await codeOf('a')).symbols).to.deep.equal(before.symbols)
  })

  it('is all of the module where run cannot be found', async () => {
    const text = (n: number): string =>
      `const options = { run: () => ({ n: ${n} }) }\nexport const a = stage('a', options)`
    expect(await changes(text(1), text(2))).to.deep.equal(['options edited'])
    const spread = (n: number): string =>
      `const base = { run: () => ({ n: ${n} }) }\nexport const a = stage('a', { run: () => 1, ...base })`
    expect(await changes(spread(1), spread(2))).to.deep.equal(['base edited'])
  })

  it('is apart for stages whose functions come from the same text: calls, members, variables, functions around', async () => {
    const a = 'const fns = [() => 1, () => 2]'
    for (const [how, text] of [
      ['a list that gets shorter', `${a}\nstage('a', { run: fns.shift() })\nstage('b', { run: fns.shift() })`],
      ['members', `${a}\nlet i = 0\nstage('a', { run: fns[i++] })\nstage('b', { run: fns[i++] })`],
      ['a variable', `${a}\nlet run = fns[0]\nstage('a', { run })\nrun = fns[1]\nstage('b', { run })`],
      [
        'a variable of another file',
        "import { next, run } from './runs.js'\nstage('a', { run })\nnext()\nstage('b', { run })",
      ],
      [
        'bound',
        `let n = 0\nconst f = (x) => x\nstage('a', { run: f.bind(null, n++) })\nstage('b', { run: f.bind(null, n++) })`,
      ],
      [
        'one function around',
        `const made = (k) => [stage('a', { run: () => k }), stage('b', { run: () => k })]\nmade(1)`,
      ],
      [
        'options',
        `let n = 0\nconst of = () => { const m = n++; return { run: () => m } }\nstage('a', of())\nstage('b', of())`,
      ],
    ] as const) {
      workspace.write('runs.ts', 'let at = () => 1\nexport const next = () => { at = () => 2 }\nexport { at as run }')
      workspace.write('own.ts', head + text)
      const reader = new CodeReader(workspace.file('store'))
      const [one, two] = await Promise.all(
        ['a', 'b'].map((call) => {
          const line = (head + text).split('\n').findIndex((each) => each.includes(`'${call}'`)) + 1
          return reader.read({
            module: workspace.file('own.ts'),
            call,
            place: { file: workspace.file('own.ts'), line, column: 1 },
          })
        }),
      )
      expect(one!.digest, how).not.to.equal(two!.digest)
      expect(one!.captures, how).to.equal(true)
    }
  })

  it('is found by its place where its name is computed, and by its name where the place is wrong', async () => {
    const text = (one: number, two: number): string =>
      `const [x, y] = ['x', 'y']\nexport const a = stage(x, { run: () => ${one} })\nexport const b = stage(y, { run: () => ${two} })`
    expect(await changes(text(1, 1), text(2, 1), 'x', 3)).to.deep.equal(['run edited'])
    expect(await changes(text(1, 1), text(1, 2), 'x', 3)).to.deep.equal([])
    const plain = (one: number): string =>
      `export const a = stage('a', { run: () => ${one} })\nexport const b = stage('b', { run: () => 1 })`
    expect(await changes(plain(1), plain(2), 'b', 2)).to.deep.equal([])
    expect(await changes(plain(1), plain(2), 'a', 3)).to.deep.equal(['run edited'])
    const twice = (computed: number): string =>
      `const name = 'a'\nexport const a = stage('a', { run: () => 1 })\nexport const b = stage(name, { run: () => ${computed} })`
    expect(await changes(twice(1), twice(2), 'a', 4)).to.deep.equal(['run edited'])
    expect(await changes(twice(1), twice(2), 'a', 3)).to.deep.equal([])
  })

  it('is read once for all stages that one call in a loop makes, and apart for those that another makes', async () => {
    const count = 2_000
    workspace.write(
      'own.ts',
      `${head}const helper = () => 1\nfor (let i = 0; i < ${count}; i++) stage(\`s\${i}\`, { run: () => helper() })\nexport const a = stage('s1x', { run: () => 2 })`,
    )
    const place = { file: workspace.file('own.ts'), line: 3, column: 1 }
    const reader = new CodeReader(workspace.file('store'))
    const digestOf = async (call: string): Promise<string> =>
      (await reader.read({ module: workspace.file('own.ts'), call, place })).digest
    const first = await digestOf('s0')
    const before = process.cpuUsage()
    for (let index = 1; index < count; index++) expect(await digestOf(`s${index}`)).to.equal(first)
    const { user, system } = process.cpuUsage(before)
    // A walk of its own for each would take several seconds.
    expect((user + system) / 1_000, 'ms').to.be.below(1_000)
    expect(await digestOf('s1x')).not.to.equal(first)
  })

  it('lies in whatever file of the definition it is written in, and statements of the definition count', async () => {
    workspace.write('stages.ts', `${head}export const a = stage('a', { run: () => 1 })`)
    workspace.write('own.ts', "import { a } from './stages.js'\nexport default [a]")
    const before = await codeOf('a', 2, 'stages.ts')
    expect(Object.keys(before.symbols)).to.deep.equal(['stages.ts:run()'])
    workspace.write('own.ts', "import { a } from './stages.js'\nglobalThis.x = 1\nexport default [a]")
    expect(changesBetween(before, await codeOf('a', 2, 'stages.ts'))).to.deep.equal(['module code added'])
  })

  it('follows what a definition takes of this package where that is a checkout, and nothing else of it', async () => {
    for (const text of [
      "export const a = stage('a', { run: () => vit })",
      "const helper = () => vit({ embedDim: 12 })\nexport const a = stage('a', { run: () => helper() })",
    ]) {
      workspace.write('own.ts', `import { stage, vit } from 'genepool'\n${text}`)
      const symbols = Object.keys((await codeOf('a')).symbols)
      expect(symbols).to.include('own.ts:run()')
      expect(
        symbols.some((key) => key.startsWith('genepool/dist/dsl/')),
        text,
      ).to.be.true
      expect(symbols.filter((key) => key.startsWith('genepool/dist/runtime/'))).to.deep.equal([])
    }
  })
})
