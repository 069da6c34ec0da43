/**
 * Small programs drawn at random over the language's ways to reach and to change a value, and edits of them. A program
 * is a folder with stage.ts, which exports `stage`, or with own.ts, a definition with a stage of the user's own. What
 * the function gives is the program's result.
 */

export type Draw = () => number

const pick = <A>(draw: Draw, from: readonly A[]): A => from[Math.floor(draw() * from.length)]!

export type ProgramFiles = Readonly<Record<string, string>>

/** A way to reach or to change a value; `k` is a name of its own, `n` a number. */
interface Gadget {
  /** Statements of stage.ts, imports first. */
  readonly head: string
  /** What of it is in the result. */
  readonly use: string
  readonly files?: ProgramFiles
}

type MakeGadget = (k: string, n: () => number) => Gadget

const gadgets: readonly MakeGadget[] = [
  // Names, one file and several.
  (k, n) => ({ head: `const ${k} = ${n()}`, use: k }),
  (k, n) => ({ head: `let ${k} = ${n()}\n${k} += ${n()}`, use: k }),
  (k, n) => ({
    head: `import { ${k} } from './${k}.js'`,
    use: `${k}()`,
    files: { [`${k}.ts`]: `export const ${k} = () => ${n()}` },
  }),
  (k, n) => ({
    head: `import { ${k} } from './${k}.js'`,
    use: `${k}(${n()})`,
    files: {
      [`${k}.ts`]: `export { ${k} } from './${k}b.js'`,
      [`${k}b.ts`]: `const rate = ${n()}\nexport function ${k}(x: number, by = rate): number { return x * by }`,
    },
  }),
  (k, n) => ({
    head: `import { c as ${k}c, d as ${k}d } from './${k}.js'`,
    use: `${k}c - ${k}d`,
    files: { [`${k}.ts`]: `const a = ${n()}\nconst b = ${n()}\nexport { a as c, b as d }` },
  }),
  (k, n) => ({
    head: `import * as ${k} from './${k}.js'`,
    use: `(${k} as any)[['one', 'two'][${n()} % 2]!]()`,
    files: { [`${k}.ts`]: `export const one = () => ${n()}\nexport const two = () => ${n()}` },
  }),
  (k, n) => ({
    head: `import * as ${k} from './${k}.js'`,
    use: `Object.values({ ...${k} }).join()`,
    files: { [`${k}.ts`]: `export const a = ${n()}\nexport const b = ${n()}` },
  }),
  (k, n) => ({
    head: `import { ${k} } from './${k}.js'`,
    use: `Object.keys(${k}).length + ${k}.v`,
    files: {
      [`${k}.ts`]: `export * as ${k} from './${k}b.js'`,
      [`${k}b.ts`]: `export const v = ${n()}\nexport const w = ${n()}`,
    },
  }),
  (k, n) => ({
    head: `import { ${k} } from './${k}a.js'`,
    use: k,
    files: {
      [`${k}a.ts`]: `export * from './${k}b.js'\nexport * from './${k}c.js'`,
      [`${k}b.ts`]: `export const ${k} = ${n()}`,
      [`${k}c.ts`]: `export const other${k} = ${n()}`,
    },
  }),
  (k, n) => ({
    head: `import ${k} from './${k}.js'`,
    use: `${k}.v`,
    files: { [`${k}.ts`]: `const v = ${n()}\nexport default { v }` },
  }),
  // Destructuring, defaults, computed names.
  (k, n) => ({
    head: `const { a: ${k}, ...${k}rest } = { a: ${n()}, b: ${n()}, c: ${n()} }`,
    use: `${k} + Object.keys(${k}rest).length`,
  }),
  (k, n) => ({ head: `const [${k}, ${k}b = ${n()}] = [${n()}]`, use: `${k} + ${k}b` }),
  (k, n) => ({
    head: `const ${k}key = 'k' + ${n()}\nconst ${k}: any = { [${k}key]: ${n()} }`,
    use: `JSON.stringify(${k})`,
  }),
  // Classes.
  (k, n) => ({
    head: `class ${k} { #v = ${n()}; get v() { return this.#v + ${n()} } step() { return this.v * 2 } }`,
    use: `new ${k}().step()`,
  }),
  (k, n) => ({
    head: `import { ${k} } from './${k}.js'\nclass ${k}Own extends ${k} { m() { return super.m() + ${n()} } }`,
    use: `new ${k}Own().m()`,
    files: { [`${k}.ts`]: `export class ${k} { static base = ${n()}; m() { return ${k}.base } }` },
  }),
  (k, n) => ({
    head: `class ${k} { v = ${n()} }\nObject.assign(${k}.prototype, { more() { return ${n()} } })`,
    use: `(new ${k}() as any).more() + new ${k}().v`,
  }),
  (k, n) => ({
    head: `import { ${k} } from './${k}.js'\nimport './${k}patch.js'`,
    use: `new ${k}().v()`,
    files: {
      [`${k}.ts`]: `export class ${k} { v() { return ${n()} } }`,
      [`${k}patch.ts`]: `import { ${k} } from './${k}.js'\n${k}.prototype.v = () => ${n()}`,
    },
  }),
  (k, n) => ({
    head: `const ${k}list: number[] = []\nclass ${k} { static { ${k}list.push(${n()}) } }`,
    use: `${k}list.join()`,
  }),
  (k, n) => ({
    head: `function ${k}mark(value: any, context: any) { return function (this: any) { return value.call(this) + ${n()} } }\nclass ${k} { @${k}mark m() { return ${n()} } }`,
    use: `new ${k}().m()`,
  }),
  // Getters, proxies, symbols, generators, tags.
  (k, n) => ({ head: `const ${k} = { get v() { return ${n()} } }`, use: `${k}.v` }),
  (k, n) => ({
    head: `const ${k}: any = new Proxy({}, { get: (_, name) => String(name).length + ${n()} })`,
    use: `${k}.anything`,
  }),
  (k, n) => ({ head: `const ${k} = { [Symbol.toPrimitive]: () => ${n()} }`, use: `+(${k} as any)` }),
  (k, n) => ({ head: `function* ${k}() { yield ${n()}; yield* [${n()}] }`, use: `[...${k}()].join()` }),
  (k, n) => ({
    head: `const ${k} = (parts: TemplateStringsArray, ...v: number[]) => parts.join('') + v.join()`,
    use: `${k}\`a\${${n()}}b\``,
  }),
  (k, n) => ({
    head: `const ${k} = { [Symbol.iterator]: function* () { yield ${n()} } }`,
    use: `[...(${k} as any)].join()`,
  }),
  // Registries, stores, globals.
  (k, n) => ({
    head: `import './${k}fill.js'\nimport { ${k} } from './${k}.js'`,
    use: `[...${k}.values()].map((f) => f()).join()`,
    files: {
      [`${k}.ts`]: `export const ${k} = new Map<string, () => number>()\nexport const put = (name: string, f: () => number) => { ${k}.set(name, f); return f }`,
      [`${k}fill.ts`]: `import { put } from './${k}.js'\nexport const one = put('one', () => ${n()})\nput('two', () => ${n()})`,
    },
  }),
  (k, n) => ({
    head: `import { ${k}get } from './${k}.js'`,
    use: `${k}get()`,
    files: {
      [`${k}.ts`]: `const createStore = () => { let v = ${n()}; return { get: () => v, put: (x: number) => { v = x } } }\nconst { get, put } = createStore()\nput(${n()})\nexport { get as ${k}get }`,
    },
  }),
  (k, n) => ({
    head: `import './${k}.js'`,
    use: `(globalThis as any).${k}`,
    files: { [`${k}.ts`]: `const install = (on: any) => { on.${k} = ${n()} }\ninstall(globalThis)` },
  }),
  (k, n) => ({
    head: `import './${k}.js'`,
    use: `(globalThis as any)['${k}'].v`,
    files: { [`${k}.ts`]: `const world: any = globalThis\nconst own = (world.${k} ??= {})\nown.v = ${n()}` },
  }),
  (k, n) => ({
    head: `const ${k}: number[] = [${n()}]\nArray.prototype.push.call(${k}, ${n()})\nReflect.apply(${k}.push, ${k}, [${n()}])`,
    use: `${k}.join()`,
  }),
  (k, n) => ({
    head: `const ${k}: number[] = []\nfunction ${k}fülle(x = ${k}.push(${n()})) {}\n${k}fülle()`,
    use: `${k}.join()`,
  }),
  (k, n) => ({ head: `const ${k} = [${n()}, ${n()}].map((x) => x + ${n()})`, use: `${k}.join()` }),
  (k, n) => ({
    head: `const ${k}: any = {}\nfor (const i of [${n()}, ${n()}]) ${k}['a' + i] = i\nif (${n()} > 5) ${k}.big = true`,
    use: `JSON.stringify(${k})`,
  }),
  (k, n) => ({
    head: `const ${k}fns = [() => ${n()}, () => ${n()}]\nconst ${k} = ${k}fns.shift()!`,
    use: `${k}() + ${k}fns.length`,
  }),
  (k, n) => ({ head: `const ${k} = function (this: any) { return this.v }.bind({ v: ${n()} })`, use: `${k}()` }),
  (k, n) => ({
    head: `const ${k}make = (a: number) => () => a + ${n()}\nconst ${k} = ${k}make(${n()})`,
    use: `${k}()`,
  }),
  (k, n) => ({
    head: `var ${k} = 0\ntry { throw ${n()} } catch (e) { ${k} = e as number } finally { ${k}++ }`,
    use: k,
  }),
  (k, n) => ({ head: `label${k}: for (var ${k} = 0; ; ${k}++) { if (${k} > ${n()}) break label${k} }`, use: k }),
  // Enums, namespaces, types.
  (k, n) => ({
    head: `import { ${k} } from './${k}.js'`,
    use: `${k}.a + String(${k}[${n()}])`,
    files: { [`${k}.ts`]: `export enum ${k} { a = ${n()}, b }` },
  }),
  (k, n) => ({
    head: `namespace ${k} { export const v = ${n()}; export namespace inner { export const w = v + ${n()} } }`,
    use: `${k}.inner.w`,
  }),
  (k, n) => ({
    head: `interface ${k}Shape { v: number }\nconst ${k} = { v: ${n()} } satisfies ${k}Shape as ${k}Shape`,
    use: `${k}.v!`,
  }),
  (k, n) => ({
    head: `import { ${k} } from './${k}.js'`,
    use: `Object.entries(${k}).join()`,
    files: { [`${k}.ts`]: `export enum ${k} { a = ${n()} }\nexport enum ${k} { b = ${n()} }` },
  }),
  (k, n) => ({
    head: `class ${k} {\n  a() { return ${n()} }\n  b() { return ${n()} }\n  static c = ${n()}\n}`,
    use: `Reflect.ownKeys(${k}.prototype).join() + new ${k}().b()`,
  }),
  // CommonJS, JSON, packages, waiting.
  (k, n) => ({
    head: `import ${k} from './${k}.cjs'`,
    use: `(${k} as any).v`,
    files: {
      [`${k}.cjs`]: `const other = require('./${k}b.cjs')\nmodule.exports = { v: other.v + ${n()} }`,
      [`${k}b.cjs`]: `exports.v = ${n()}`,
    },
  }),
  (k, n) => ({
    head: `import ${k} from './${k}.json' with { type: 'json' }`,
    use: `${k}.v`,
    files: { [`${k}.json`]: `{ "v": ${n()}, "w": ${n()} }` },
  }),
  (k, n) => ({
    head: `import { v as ${k} } from '${k}'`,
    use: k,
    files: {
      [`node_modules/${k}/package.json`]: `{ "name": "${k}", "version": "1.0.${n()}", "type": "module", "exports": "./index.js" }`,
      [`node_modules/${k}/index.js`]: `export const v = 'package'`,
    },
  }),
  (k, n) => ({
    head: `const ${k} = await import('./${k}.js')`,
    use: `${k}.v`,
    files: { [`${k}.ts`]: `export const v = ${n()}\nexport const w = ${n()}` },
  }),
  (k, n) => ({
    head: `import { ${k} } from './${k}.js'`,
    use: k,
    files: { [`${k}.ts`]: `export const ${k} = await Promise.resolve(${n()})` },
  }),
  (k, n) => ({
    head: `import { readFileSync as ${k}read } from 'node:fs'`,
    use: `${k}read(new URL('./${k}.txt', import.meta.url), 'utf8')`,
    files: { [`${k}.txt`]: `text ${n()}` },
  }),
  (k, n) => ({
    head: `import { a as ${k} } from './${k}a.js'`,
    use: `${k}()`,
    files: {
      [`${k}a.ts`]: `import { b } from './${k}b.js'\nexport const a = () => b() + 1\nexport const seed = ${n()}`,
      [`${k}b.ts`]: `import { seed } from './${k}a.js'\nexport const b = () => seed + ${n()}`,
    },
  }),
  // Files whose names nothing in the text says.
  ...[
    (name: string) => `fs.readFileSync(${name}, 'utf8')`,
    (name: string) => `process.getBuiltinModule('node:fs').readFileSync(${name}, 'utf8')`,
    (name: string) => `[${name}].map((each) => fs.statSync(each).size + Number(fs.readFileSync(each))).join()`,
    (name: string) => `(fs.cpSync(${name}, ${name} + '.copy'), fs.readFileSync(${name} + '.copy', 'utf8'))`,
    (name: string) => `fs.readdirSync(path.dirname(${name})).map((each) => each + fs.readFileSync(${name})).join()`,
  ].map((read): MakeGadget => (k, n) => ({
    head: `import * as fs from 'node:fs'\nimport * as path from 'node:path'\nconst ${k} = path.join(import.meta.dirname, ['${k}', 'd'].join(''), ['${k}', 'txt'].join('.'))`,
    use: read(k),
    files: { [`${k}d/${k}.txt`]: `${n()}` },
  })),
  (k, n) => ({
    head: `import { readFile as ${k}read } from 'node:fs/promises'\nconst ${k} = await ${k}read(new URL(['./${k}', 'txt'].join('.'), import.meta.url), 'utf8')`,
    use: k,
    files: { [`${k}.txt`]: `${n()}` },
  }),
  (k, n) => ({
    head: `import { createRequire as ${k}make } from 'node:module'\nconst ${k} = ((by) => by(['./${k}', 'json'].join('.')))(${k}make(import.meta.url))`,
    use: `${k}.v`,
    files: { [`${k}.json`]: `{ "v": ${n()} }` },
  }),
  (k, n) => ({
    head: `const ${k} = await import(['./${k}', 'ts'].join('.'))`,
    use: `${k}.v()`,
    files: {
      [`${k}.ts`]: `import { w } from './${k}b.js'\nexport const v = () => w + ${n()}`,
      [`${k}b.ts`]: `export const w = ${n()}`,
    },
  }),
  (k, n) => ({
    head: `import { used as ${k} } from './${k}.js'\nconst ${k}all = await import(['./${k}', 'js'].join('.'))`,
    use: `${k}() + ${k}all.other()`,
    files: { [`${k}.ts`]: `export const used = () => ${n()}\nexport const other = () => ${n()}` },
  }),
  (k, n) => ({
    head: `import './${k}/${k}.js'`,
    use: `(globalThis as any).${k}`,
    files: {
      [`${k}/${k}.js`]: `globalThis.${k} = typeof require + ${n()}`,
      [`${k}/package.json`]: `{ "type": "${n() > 4 ? 'module' : 'commonjs'}" }`,
    },
  }),
  // Names that loaders resolve in ways of their own.
  (k, n) => ({
    head: `import { ${k} } from './${k}%23b.mjs'`,
    use: k,
    files: { [`${k}#b.mjs`]: `export const ${k} = ${n()}`, [`${k}%23b.mjs`]: `export const ${k} = ${n()}` },
  }),
  (k, n) => ({
    head: `import { ${k} } from './${k}%3Fb.mjs'`,
    use: k,
    files: { [`${k}?b.mjs`]: `export const ${k} = ${n()}` },
  }),
  (k, n) => ({
    head: `import { ${k} } from './${k}.js'`,
    use: k,
    files: { [`${k}.js`]: `export const ${k} = ${n()}`, [`${k}.ts`]: `export const ${k} = ${n()}` },
  }),
  (k, n) => ({
    head: `import { ${k} } from './${k}.mjs'`,
    use: k,
    files: { [`${k}.mjs`]: `export const ${k} = ${n()}`, [`${k}.mts`]: `export const ${k} = ${n()}` },
  }),
  (k, n) => ({
    head: `import { createRequire as ${k}make } from 'node:module'\nconst ${k} = ${k}make(import.meta.url)('./${k}')`,
    use: `${k}.v`,
    files: {
      [`${k}/index.js`]: `exports.v = ${n()}`,
      [`${k}/index.json`]: `{ "v": ${n()} }`,
      [`${k}/package.json`]: '{}',
    },
  }),
  (k, n) => ({
    head: `import { createRequire as ${k}make } from 'node:module'\nconst ${k} = ${k}make(import.meta.url)('./${k}')`,
    use: `${k}.v`,
    files: {
      [`${k}/package.json`]: '{ "main": "other.js" }',
      [`${k}/other.js`]: `exports.v = ${n()}`,
      [`${k}/index.js`]: `exports.v = ${n()}`,
    },
  }),
  (k, n) => ({
    head: `import * as ${k}a from './${k}.ts?a'\nimport * as ${k}b from './${k}.ts?b'`,
    use: `${k}a.up() + ${k}a.up() * ${k}b.up()`,
    files: { [`${k}.ts`]: `let v = ${n()}\nexport const up = () => ++v` },
  }),
  (k, n) => ({
    head: `import { v as ${k} } from './${k}.ts?n=${n()}'`,
    use: k,
    files: { [`${k}.ts`]: 'export const v = new URL(import.meta.url).search' },
  }),
  (k, n) => ({
    head: `import { ${k} } from './${k}.jsx'`,
    use: k,
    files: {
      [`${k}.tsx`]: `/** @jsx h */\nconst h = (name: string) => name.length * ${n()}\nconst g = (name: string) => name.length + ${n()}\nexport const ${k} = <div /> as never as number\nexport const ${k}g = g`,
    },
  }),
  (k, n) => ({
    head: `import * as ${k}run from 'node:module'\nconst ${k} = () => Reflect.get(${k}run, ['create', 'Require'].join(''))(import.meta.url)(['./${k}', 'cjs'].join('.'))`,
    use: `${k}()()`,
    files: { [`${k}.cjs`]: `const w = ${n()}\nmodule.exports = () => w` },
  }),
]

/** What is in the program and changes nothing of its result. */
const bystanders: readonly MakeGadget[] = [
  (k, n) => ({ head: `export const ${k} = () => ${n()}`, use: '' }),
  (k, n) => ({ head: `function ${k}(x: number) { return x + ${n()} }`, use: '' }),
  (k, n) => ({ head: `class ${k} { v = ${n()}; m() { return ${n()} } }`, use: '' }),
  (k, n) => ({ head: `const ${k} = { a: ${n()}, b: [${n()}] }`, use: '' }),
  (k, n) => ({ head: `enum ${k} { a = ${n()} }`, use: '' }),
  (k, n) => ({ head: `type ${k} = ${n()} | 'x'`, use: '' }),
  (k, n) => ({ head: `// ${k} is ${n()}`, use: '' }),
]

export interface RandomProgram {
  readonly files: ProgramFiles
  /** File that a worker imports. */
  readonly main: 'stage.ts' | 'own.ts'
  /** Statements of it that change nothing of the result. */
  readonly idle: readonly string[]
}

/** `id` is in all its names, so that several can be loaded into one process. */
export const randomProgram = (draw: Draw, id: number): RandomProgram => {
  const n = (): number => Math.floor(draw() * 10)
  const made = Array.from({ length: 2 + Math.floor(draw() * 3) }, (_, index) =>
    pick(draw, gadgets)(`p${id}g${index}`, n),
  )
  const idle = Array.from(
    { length: 1 + Math.floor(draw() * 2) },
    (_, index) => pick(draw, bystanders)(`p${id}idle${index}`, n).head,
  )
  const lines = made.flatMap(({ head }) => head.split('\n'))
  const isImport = (line: string): boolean => /^import\b(?!\()/.test(line)
  const body = made.map(({ head }) =>
    head
      .split('\n')
      .filter((line) => !isImport(line))
      .join('\n'),
  )
  const stage = [
    ...new Set(lines.filter(isImport)),
    ...[...body, ...idle].filter((text) => text !== ''),
    `export const stage = () => [${made.map(({ use }) => use).join(', ')}]`,
  ].join('\n')
  const files = Object.assign(
    { 'package.json': '{ "name": "own", "type": "module" }' },
    ...made.map((each) => each.files ?? {}),
  )
  return { files: { ...(files as ProgramFiles), 'stage.ts': `${stage}\n` }, main: 'stage.ts', idle }
}

/** Ways to write a stage into a definition; `uses` is what its function gives. */
const definitions: readonly ((name: string, uses: string, n: () => number) => string)[] = [
  (name, uses) =>
    `const main = stage('${name}', { run: () => [${uses}] as never })\nexport default pipeline('p').add(main, other)`,
  (name, uses) => `export default pipeline('p').add(other, stage('${name}', { run() { return [${uses}] as never } }))`,
  (name, uses, n) =>
    `const made = (k: number) => stage('${name}', { run: () => [k, ${uses}] as never })\nexport default pipeline('p').add(other, made(${n()}))`,
  (name, uses) =>
    `const compute = () => [${uses}] as never\nexport default pipeline('p').add(stage('${name}', { run: compute }), other)`,
  (name, uses, n) =>
    `const fns = [() => [${uses}] as never, () => [${n()}] as never]\nif (${n()} > 4) fns.reverse()\nexport default pipeline('p').add(stage('${name}', { run: fns.shift()! }), other)`,
  (name, uses, n) =>
    `const seen: number[] = []\nconst note = (x: number) => { seen.push(x); return 'p' + x }\nexport default pipeline(note(${n()})).add(stage('${name}', { run: () => [seen.length, seen[0], ${uses}] as never }), other)`,
  (name, uses, n) =>
    `const seen: number[] = []\nexport default suite('s', { size: [${n()}] }, ({ size }) => {\n  seen.push(size + ${n()})\n  return pipeline('p').add(stage('${name}', { params: { size }, run: () => [seen.join(), ${uses}] as never }))\n})`,
  (name, uses, n) =>
    `const seen: number[] = []\nconst build = ({ size }: any) => {\n  seen.push(size + ${n()})\n  return pipeline('p').add(stage('${name}', { run: () => [seen.join(), ${uses}] as never }))\n}\nexport default suite('s', { size: [${n()}] }, build)`,
  (name, uses, n) =>
    `let times = ${n()}\nconst on = { get size() { times += ${n()}; return 1 } }\nexport default pipeline('p').add(stage('${name}', { params: { size: on.size }, run: () => [times, ${uses}] as never }), other)`,
  (name, uses, n) =>
    `export default suite('s', { size: [${n()}] }, ({ size }) =>\n  pipeline('p').add(stage('${name}', { run: () => [size, ${uses}] as never })))`,
  (name, uses, n) =>
    `const options = { n: ${n()} }\nconst main = stage('${name}', { run: () => [options.n, ${uses}] as never })\noptions.n += ${n()}\nexport default pipeline('p').add(main, other)`,
]

/** The same as a definition, whose stage is called `main` and the id. */
export const randomDefinition = (draw: Draw, id: number): RandomProgram => {
  const { files, idle } = randomProgram(draw, id)
  const n = (): number => Math.floor(draw() * 10)
  const { 'stage.ts': stage, ...rest } = files
  const [, body, uses] = /^([^]*)\nexport const stage = \(\) => \[(.*)\]\n$/.exec(stage!)!
  const other = `const other = stage('other', { params: { n: ${n()} }, run: () => ({ n: ${n()} }) })`
  const own = `import { pipeline, stage, suite } from 'genepool'\n${body}\n${other}\n${pick(draw, definitions)(`main${id}`, uses!, n)}\n`
  return { files: { ...rest, 'own.ts': own }, main: 'own.ts', idle: [...idle, other] }
}

const numbersIn = (text: string): readonly { readonly at: number; readonly length: number }[] =>
  [...text.matchAll(/(?<![\w$.'"])\d+(?![\w$.])/g)].map((found) => ({ at: found.index, length: found[0].length }))

/** One edit of any file, which may matter or not, or leave no program; undefined where it finds nothing to change. */
export const randomEdit = (draw: Draw, { files }: RandomProgram): ProgramFiles | undefined => {
  const name = pick(
    draw,
    // What is in an installed package stands and falls with its version.
    Object.keys(files).filter((each) => !each.endsWith('package.json') && !/^node_modules.*\.js$/.test(each)),
  )
  const text = files[name]!
  const lines = text.split('\n')
  const at = Math.floor(draw() * lines.length)
  let other: ProgramFiles | undefined
  const edits: readonly (() => string)[] = [
    // Numbers are what most edits change.
    ...Array.from({ length: 4 }, () => () => {
      const found = numbersIn(text)
      if (found.length === 0) return text
      const { at: start, length } = pick(draw, found)
      return text.slice(0, start) + String(Math.floor(draw() * 10)) + text.slice(start + length)
    }),
    () => [...lines.slice(0, at), ...lines.slice(at + 1)].join('\n'),
    () => {
      const swapped = [...lines]
      const other = Math.floor(draw() * lines.length)
      ;[swapped[at], swapped[other]] = [swapped[other]!, swapped[at]!]
      return swapped.join('\n')
    },
    () =>
      text
        .replace(/\ba as (\w+), b as (\w+)/, 'b as $1, a as $2')
        .replace(/\{ c as (\w+), d as (\w+) \}/, '{ d as $1, c as $2 }'),
    () => text.replace(' + ', ' - '),
    // What a package says of its files.
    () => {
      const manifest = Object.keys(files).find(
        (each) => /^p\w+\/package\.json$/.test(each) && files[each]!.includes('type'),
      )
      const said = manifest === undefined ? '' : files[manifest]!
      other =
        manifest === undefined
          ? undefined
          : { [manifest]: said.includes('module') ? '{ "type": "commonjs" }' : '{ "type": "module" }' }
      return text
    },
    () => text.replace('=> v', '=> -v'),
    () => text.replace(/\bconst (\w+) = (\d+)/, 'let $1 = $2'),
    () => `${text}\nexport const added = ${Math.floor(draw() * 10)}\n`,
  ]
  const edited = pick(draw, edits)()
  if (other !== undefined) return { ...files, ...other }
  return edited === text ? undefined : { ...files, [name]: edited }
}

/** One edit that changes nothing of the result. */
export const harmlessEdit = (draw: Draw, { files, idle, main }: RandomProgram): ProgramFiles => {
  const scripts = Object.keys(files).filter((each) => /\.[cm]?[jt]s$/.test(each) && !each.startsWith('node_modules'))
  const name = pick(draw, scripts)
  const text = files[name]!
  const stage = files[main]!
  const some = pick(draw, idle)
  const edits: readonly (() => ProgramFiles)[] = [
    () => ({ ...files, [name]: `/* Said at the top. */\n${text}` }),
    () => ({ ...files, [name]: `${text}\n// Said at the end.\n` }),
    () => ({ ...files, [name]: text.replaceAll(' + ', ' +  ').replaceAll('{ ', '{\n  ') }),
    () => ({ ...files, [name]: `${text}\nfunction neverUsed(x) { return x }\n` }),
    () => ({ ...files, [main]: stage.replace(some, some.replaceAll(/\d/g, '7')) }),
    () => ({ ...files, [main]: stage.replace(`${some}\n`, '') }),
    () => ({ ...files, [main]: `${stage}\ninterface Never { readonly x: 1 }\n` }),
    () => ({ ...files, [name]: text.replace(/^const (p\d+g\d) = (\d+)$/m, 'let $1 = $2') }),
    () => ({ ...files, [name]: text.replaceAll('"', "'") }),
  ]
  return pick(draw, edits)()
}
