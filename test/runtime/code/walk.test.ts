import { existsSync, rmSync } from 'node:fs'
import { expect } from 'chai'
import { digestOf as recordDigest } from '../../../src/runtime/code/code-record.js'
import { changesBetween, codeOf, digestOf, writeFiles, type Files } from '../../support/stage-code.js'
import { workspaceForEach } from '../../support/workspace.js'

interface Edit {
  readonly what: string
  readonly files: Files
  /** File and what it is then; a file of null is removed. */
  readonly edit: Readonly<Record<string, string | null>>
  /** What counts as changed; none: it is the same code. */
  readonly changes: readonly string[]
}

const edits: readonly Edit[] = [
  {
    what: 'a helper in another file',
    files: {
      'stage.ts': "import { helper } from './helper.js'\nexport const stage = () => helper()",
      'helper.ts': 'export const helper = () => 1\nexport const other = () => 1',
    },
    edit: { 'helper.ts': 'export const helper = () => 2\nexport const other = () => 1' },
    changes: ['helper edited'],
  },
  {
    what: 'a helper that is not reached, in a file that is',
    files: {
      'stage.ts': "import { helper } from './helper.js'\nexport const stage = () => helper()",
      'helper.ts': 'export const helper = () => 1\nexport const other = () => 1',
    },
    edit: { 'helper.ts': 'export const other = () => 2\nconst more = 3\nexport const helper = () => 1' },
    changes: [],
  },
  {
    what: 'a constant at the end of a chain of re-exports',
    files: {
      'stage.ts': "import { rate as r } from './a.js'\nexport const stage = () => r",
      'a.ts': "export { rate } from './b.js'",
      'b.ts': "import { rate } from './c.js'\nexport { rate }",
      'c.ts': "export * from './d.js'",
      'd.ts': 'export const rate = 1',
    },
    edit: { 'd.ts': 'export const rate = 2' },
    changes: ['rate edited'],
  },
  {
    what: 'where a re-export leads',
    files: {
      'stage.ts': "import { loss } from './index.js'\nexport const stage = () => loss()",
      'index.ts': "export { loss } from './a.js'",
      'a.ts': 'export const loss = () => 1',
      'b.ts': 'export const loss = () => 2',
    },
    edit: { 'index.ts': "export { loss } from './b.js'" },
    changes: ['loss edited', 'loss added', 'loss removed'],
  },
  {
    what: 'two imports that change places',
    files: {
      'stage.ts': "import { a as x, b as y } from './a.js'\nexport const stage = () => x() - y()",
      'a.ts': 'export const a = () => 1\nexport const b = () => 2',
    },
    edit: { 'stage.ts': "import { b as x, a as y } from './a.js'\nexport const stage = () => x() - y()" },
    changes: ['x edited', 'y edited'],
  },
  {
    what: 'two exports that change places',
    files: {
      'stage.ts': "import { c, d } from './a.js'\nexport const stage = () => c - d",
      'a.ts': 'const a = 1\nconst b = 2\nexport { a as c, b as d }',
    },
    edit: { 'a.ts': 'const a = 1\nconst b = 2\nexport { b as c, a as d }' },
    changes: ['c edited', 'd edited'],
  },
  {
    what: "which function of Node's a name means",
    files: { 'stage.ts': "import { join as j } from 'node:path'\nexport const stage = () => j('a', 'b')" },
    edit: { 'stage.ts': "import { resolve as j } from 'node:path'\nexport const stage = () => j('a', 'b')" },
    changes: ['j edited'],
  },
  {
    what: 'a member of a namespace import that is used',
    files: {
      'stage.ts': "import * as a from './a.js'\nexport const stage = () => a.b() + a['c']",
      'a.ts': 'export const b = () => 1\nexport const c = 1\nexport const d = 1',
    },
    edit: { 'a.ts': 'export const b = () => 1\nexport const c = 2\nexport const d = 2' },
    changes: ['c edited'],
  },
  {
    what: 'any member of a namespace import that is handed on',
    files: {
      'stage.ts': "import * as a from './a.js'\nexport const stage = (f) => f(a)",
      'a.ts': 'export const b = () => 1\nexport const d = 1',
    },
    edit: { 'a.ts': 'export const b = () => 1\nexport const d = 2' },
    changes: ['d edited'],
  },
  {
    what: 'a member of a namespace that is exported as one',
    files: {
      'stage.ts': "import { a } from './index.js'\nexport const stage = () => a.b",
      'index.ts': "export * as a from './a.js'",
      'a.ts': 'export const b = 1\nexport const c = 1',
    },
    edit: { 'a.ts': 'export const b = 2\nexport const c = 2' },
    changes: ['b edited'],
  },
  {
    what: 'a default parameter that comes from elsewhere',
    files: {
      'stage.ts': "import { rate } from './a.js'\nexport const stage = (a = rate) => { const rate = 5; return a }",
      'a.ts': 'export const rate = 1',
    },
    edit: { 'a.ts': 'export const rate = 2' },
    changes: ['rate edited'],
  },
  {
    what: 'what a name that is shadowed would mean',
    files: {
      'stage.ts': `import { a, b, c, d, e } from './a.js'
export const stage = (a) => {
  let total = a
  for (const b of [1]) total += b
  { const c = 1; total += c }
  try { total += 1 } catch (d) { total = d }
  const f = function e() { return e }
  return total + f
}`,
      'a.ts': 'export const a = 1, b = 1, c = 1, d = 1, e = 1',
    },
    edit: { 'a.ts': 'export const a = 2, b = 2, c = 2, d = 2, e = 2' },
    changes: [],
  },
  {
    what: 'a name that is shadowed in one block only',
    files: {
      'stage.ts': "import { a } from './a.js'\nexport const stage = () => { { const a = 2 } return a }",
      'a.ts': 'export const a = 1',
    },
    edit: { 'a.ts': 'export const a = 2' },
    changes: ['a edited'],
  },
  {
    what: 'a function that is used before it is declared, and a var in a block',
    files: {
      'stage.ts': `import { a, b } from './a.js'
export const stage = () => { if (b) { var a = 1 } return a + late(); function late() { return 1 } }
export function late() { return 2 }`,
      'a.ts': 'export const a = 1\nexport const b = 1',
    },
    edit: { 'a.ts': 'export const a = 2\nexport const b = 1' },
    changes: [],
  },
  {
    what: 'an enum in another file',
    files: {
      'stage.ts': "import { Mode } from './a.js'\nexport const stage = () => Mode.fast",
      'a.ts': 'export enum Mode { fast = 1, slow = 2 }',
    },
    edit: { 'a.ts': 'export enum Mode { fast = 3, slow = 2 }' },
    changes: ['Mode edited'],
  },
  {
    what: 'a method of a class',
    files: {
      'stage.ts': "import { Trainer } from './a.js'\nexport const stage = () => new Trainer().step()",
      'a.ts': 'export class Trainer { #n = 1; step() { return this.#n } stop() {} }',
    },
    edit: { 'a.ts': 'export class Trainer { #n = 1; stop() {} step() { return this.#n + 1 } }' },
    changes: ['Trainer.step edited'],
  },
  {
    what: 'a name that a method newly uses',
    files: {
      'stage.ts': "import { Trainer } from './a.js'\nexport const stage = () => new Trainer().step()",
      'a.ts': "import { clamp } from './b.js'\nexport class Trainer { step() { return 1 } }",
      'b.ts': 'export const clamp = (x) => x',
    },
    edit: { 'a.ts': "import { clamp } from './b.js'\nexport class Trainer { step() { return clamp(1) } }" },
    changes: ['Trainer.step edited', 'clamp added'],
  },
  {
    what: 'a base class, an accessor, a static block, a computed key and a decorator',
    files: {
      'stage.ts': `import { Base, key, mark, start } from './a.js'
@mark class Own extends Base { static { start() } get [key]() { return 1 } }
export const stage = () => new Own()`,
      'a.ts':
        'export class Base {}\nexport const key = "k"\nexport const mark = (c) => c\nexport const start = () => {}',
    },
    edit: {
      'a.ts':
        'export class Base { x = 1 }\nexport const key = "l"\nexport const mark = (c) => null\nexport const start = () => 1',
    },
    changes: ['key edited', 'mark edited', 'start edited', 'Base.x added'],
  },
  {
    what: 'types alone',
    files: {
      'stage.ts':
        "import type { A } from './a.js'\nimport { b, type C } from './a.js'\nexport const stage = (x: A, y: C) => b",
      'a.ts': 'export interface A { a: 1 }\nexport type C = A\nexport const b: A["a"] = 1',
    },
    edit: { 'a.ts': 'export interface A { a: 1; b?: 2 }\nexport type C = A | null\nexport const b = 1 as const' },
    changes: [],
  },
  {
    what: 'files that import each other',
    files: {
      'stage.ts': "import { a } from './a.js'\nexport const stage = () => a()\nexport const one = 1",
      'a.ts': "import { one, stage } from './stage.js'\nexport const a = () => one ?? stage",
    },
    edit: {
      'stage.ts': "import { a } from './a.js'\nexport const stage = () => a()\nexport const one = 2",
    },
    changes: ['one edited'],
  },
  {
    what: 'an anonymous default export',
    files: {
      'stage.ts': "import helper from './a.js'\nexport const stage = () => helper()",
      'a.ts': 'export default function () { return 1 }',
    },
    edit: { 'a.ts': 'export default function () { return 2 }' },
    changes: ['*default* edited'],
  },
  {
    what: 'a default export with a name, imported by name from a re-export',
    files: {
      'stage.ts': "import { helper } from './index.js'\nexport const stage = () => helper()",
      'index.ts': "export { default as helper } from './a.js'",
      'a.ts': 'export default function own() { return 1 }',
    },
    edit: { 'a.ts': 'export default function own() { return 2 }' },
    changes: ['own edited'],
  },
  {
    what: 'an own export beside one of a star, which it hides',
    files: {
      'stage.ts': "import { a } from './index.js'\nexport const stage = () => a",
      'index.ts': "export * from './a.js'\nexport const a = 1",
      'a.ts': 'export const a = 5',
    },
    edit: { 'a.ts': 'export const a = 6' },
    changes: [],
  },
  {
    what: 'a name that comes to be in an earlier one of two stars',
    files: {
      'stage.ts': "import { a } from './index.js'\nexport const stage = () => a",
      'index.ts': "export * from './b.js'\nexport * from './a.js'",
      'a.ts': 'export const a = 5',
      'b.ts': 'export const b = 1',
    },
    edit: { 'b.ts': 'export const a = 1' },
    changes: ['a edited', 'a added', 'a removed'],
  },
  {
    what: 'a file that is loaded by import()',
    files: {
      'stage.ts': "export const stage = async () => (await import('./a.js')).a()",
      'a.ts': 'export const a = () => 1',
    },
    edit: { 'a.ts': 'export const a = () => 2' },
    changes: ['a edited'],
  },
  {
    what: 'one of two files that import() may load',
    files: {
      'stage.ts': "export const stage = async (x) => import(x ? './a.js' : `./b.js`)",
      'a.ts': 'export const a = 1',
      'b.ts': 'export const b = 1',
    },
    edit: { 'b.ts': 'export const b = 2' },
    changes: ['b edited'],
  },
  {
    what: 'a thread',
    files: {
      'stage.ts':
        "import { Worker } from 'node:worker_threads'\nexport const stage = () => new Worker(new URL('./thread.js', import.meta.url))",
      'thread.ts': "import { a } from './a.js'\nconsole.log(a)",
      'a.ts': 'export const a = 1',
    },
    edit: { 'a.ts': 'export const a = 2' },
    changes: ['a edited'],
  },
  {
    what: 'a file of data beside the module',
    files: {
      'stage.ts':
        "import { readFileSync } from 'node:fs'\nexport const stage = () => readFileSync(new URL('table.bin', import.meta.url))",
      'table.bin': '1',
    },
    edit: { 'table.bin': '2' },
    changes: ['contents edited'],
  },
  {
    what: 'what imported JSON says',
    files: {
      'stage.ts': "import table from './a.json' with { type: 'json' }\nexport const stage = () => table.a",
      'a.json': '{ "a": 1 }',
    },
    edit: { 'a.json': '{ "a": 2 }' },
    changes: ['contents edited'],
  },
  {
    what: 'how imported JSON is written',
    files: {
      'stage.ts': "import table from './a.json' with { type: 'json' }\nexport const stage = () => table.a",
      'a.json': '{ "a": 1 }',
    },
    edit: { 'a.json': '{\n  "a": 1\n}\n' },
    changes: [],
  },
  {
    what: 'CommonJS, as a whole',
    files: {
      'stage.cts': "const { a } = require('./a.cjs')\nexports.stage = () => a()",
      'stage.ts': "import cjs from './stage.cjs'\nexport const stage = () => cjs.stage()",
      'a.cjs': 'const b = 1\nmodule.exports = { a: () => b }',
    },
    edit: { 'a.cjs': 'const b = 2\nmodule.exports = { a: () => b }' },
    changes: ['b edited'],
  },
  {
    what: 'a file that was missing',
    files: { 'stage.ts': "import { a } from './a.js'\nexport const stage = () => a" },
    edit: { 'a.ts': 'export const a = 1' },
    changes: ['a edited', 'a added', "missing './a.js' in stage.ts removed"],
  },
  {
    what: 'a source that comes to lie beside a script of its name',
    files: {
      'stage.ts': "import { a } from './a.js'\nexport const stage = () => a",
      'a.js': 'export const a = 1',
    },
    edit: { 'a.ts': 'export const a = 2' },
    changes: ['a edited', 'a added', 'a removed'],
  },
  {
    what: 'a statement of a module that is loaded for its effects',
    files: {
      'stage.ts': "import './a.js'\nexport const stage = () => globalThis.x",
      'a.ts': "import './b.js'\nexport const unused = 1",
      'b.ts': 'globalThis.x = 1',
    },
    edit: { 'b.ts': 'globalThis.x = 2' },
    changes: ['module code edited'],
  },
  {
    what: 'a module variable that is assigned later',
    files: { 'stage.ts': 'let a = 1\na = 2\nexport const stage = () => a' },
    edit: { 'stage.ts': 'let a = 1\na = 3\nexport const stage = () => a' },
    changes: ['module code edited'],
  },
  {
    what: 'the order of two modules that both do something',
    files: {
      'stage.ts': "import './a.js'\nimport './b.js'\nexport const stage = () => globalThis.x",
      'a.ts': 'globalThis.x = 1',
      'b.ts': 'globalThis.x = 2',
    },
    edit: { 'stage.ts': "import './b.js'\nimport './a.js'\nexport const stage = () => globalThis.x" },
    changes: ['the order in which module code is evaluated edited'],
  },
  {
    what: 'the order of imports that do nothing',
    files: {
      'stage.ts': "import { a } from './a.js'\nimport { b } from './b.js'\nexport const stage = () => a + b",
      'a.ts': 'export const a = 1',
      'b.ts': 'export const b = 1',
    },
    edit: { 'stage.ts': "import { b } from './b.js'\nimport { a } from './a.js'\nexport const stage = () => a + b" },
    changes: [],
  },
  {
    what: 'an entry of a registry, though nothing uses its name',
    files: {
      'stage.ts':
        "import './kernels.js'\nimport { registry } from './registry.js'\nexport const stage = () => registry.get('relu')",
      'registry.ts':
        'export const registry = new Map()\nexport const register = (name, f) => { registry.set(name, f); return f }',
      'kernels.ts': "import { register } from './registry.js'\nexport const relu = register('relu', (x) => x)",
    },
    edit: { 'kernels.ts': "import { register } from './registry.js'\nexport const relu = register('relu', (x) => -x)" },
    changes: ['relu edited'],
  },
  {
    what: 'an entry of a registry that is reached by a function',
    files: {
      'stage.ts': "import './kernels.js'\nimport { all } from './registry.js'\nexport const stage = () => all().relu",
      'registry.ts': 'const registry = {}\nexport const all = () => registry',
      'kernels.ts': "import { all } from './registry.js'\nexport const relu = Object.assign(all(), { relu: 1 })",
    },
    edit: {
      'kernels.ts': "import { all } from './registry.js'\nexport const relu = Object.assign(all(), { relu: 2 })",
    },
    changes: ['relu edited'],
  },
  {
    what: 'a class that nothing uses and that registers itself',
    files: {
      'stage.ts': "import './b.js'\nimport { known } from './a.js'\nexport const stage = () => known[0]",
      'a.ts': 'export const known = []',
      'b.ts': "import { known } from './a.js'\nexport class B { static { known.push(1) } }",
    },
    edit: { 'b.ts': "import { known } from './a.js'\nexport class B { static { known.push(2) } }" },
    changes: ['B.static block edited'],
  },
  {
    what: 'a kernel registered with a package, though nothing uses the binding',
    files: {
      'stage.ts': "import './a.js'\nexport const stage = () => 1",
      'a.ts': "import * as numbers from 'numbers'\nexport const relu = numbers.registerKernel('relu', () => 1)",
    },
    edit: { 'a.ts': "import * as numbers from 'numbers'\nexport const relu = numbers.registerKernel('relu', () => 2)" },
    changes: ['relu edited'],
  },
  {
    what: 'another function that a package wraps, beside the one that is used',
    files: {
      'stage.ts':
        "import * as Effect from 'effect/Effect'\nconst table = { a: 1 }\nexport const stage = Effect.fn(() => table.a)\nexport const other = Effect.fn(() => table.a)",
    },
    edit: {
      'stage.ts':
        "import * as Effect from 'effect/Effect'\nconst table = { a: 1 }\nexport const stage = Effect.fn(() => table.a)\nexport const other = Effect.fn(() => table.a + 1)",
    },
    changes: [],
  },
  {
    what: 'a registry that is filled by another name for it',
    files: {
      'stage.ts': "import './b.js'\nimport { registry } from './a.js'\nexport const stage = () => registry[0]",
      'a.ts': 'export const registry = []\nexport const alias = registry',
      'b.ts': "import { alias } from './a.js'\nexport const b = alias.push(1)",
    },
    edit: { 'b.ts': "import { alias } from './a.js'\nexport const b = alias.push(2)" },
    changes: ['b edited'],
  },
  {
    what: 'a registry that is filled by a function or a class made and called at once',
    files: {
      'stage.ts': "import './b.js'\nimport { known } from './a.js'\nexport const stage = () => known",
      'a.ts': 'export const known = new Map()',
      'b.ts':
        "import { known } from './a.js'\nexport const b = (() => known.set('b', 1))()\nexport const c = new (class { constructor() { known.set('c', 1) } })()",
    },
    edit: {
      'b.ts':
        "import { known } from './a.js'\nexport const b = (() => known.set('b', 2))()\nexport const c = new (class { constructor() { known.set('c', 2) } })()",
    },
    changes: ['b edited', 'c edited'],
  },
  {
    what: 'a registry that is filled by a callback, of a list and of a package that calls it at once',
    files: {
      'stage.ts': "import './b.js'\nimport { known } from './a.js'\nexport const stage = () => known",
      'a.ts': 'export const known = []',
      'b.ts':
        "import { known } from './a.js'\nimport * as Effect from 'effect/Effect'\nexport const b = [1].map((x) => known.push(x))\nexport const c = Effect.runSync(Effect.sync(() => known.push(1)))",
    },
    edit: {
      'b.ts':
        "import { known } from './a.js'\nimport * as Effect from 'effect/Effect'\nexport const b = [1].map((x) => known.push(-x))\nexport const c = Effect.runSync(Effect.sync(() => known.push(-1)))",
    },
    changes: ['b edited', 'c edited'],
  },
  {
    what: 'a decorator that registers a class which nothing uses',
    files: {
      'stage.ts': "import './b.js'\nimport { known } from './a.js'\nexport const stage = () => known",
      'a.ts': 'export const known = []\nexport const mark = (name) => (c) => { known.push([name, c]) }',
      'b.ts': "import { mark } from './a.js'\n@mark('b') export class B {}",
    },
    edit: { 'b.ts': "import { mark } from './a.js'\n@mark('c') export class B {}" },
    changes: ['B edited'],
  },
  {
    what: 'the order of two values that a counter gives',
    files: {
      'stage.ts':
        'let n = 0\nconst next = () => n++\nconst a = next()\nconst b = next()\nexport const stage = () => a - b',
    },
    edit: {
      'stage.ts':
        'let n = 0\nconst next = () => n++\nconst b = next()\nconst a = next()\nexport const stage = () => a - b',
    },
    changes: ['the order in which b is evaluated edited'],
  },
  {
    what: 'whether a value is taken before or after what it is taken from changes',
    files: {
      'stage.ts': 'const list = [1]\nconst length = list.length\nlist.push(2)\nexport const stage = () => length',
    },
    edit: {
      'stage.ts': 'const list = [1]\nlist.push(2)\nconst length = list.length\nexport const stage = () => length',
    },
    changes: ['the order in which module code is evaluated edited'],
  },
  {
    what: 'the order of a module that changes state and one that reads it',
    files: {
      'stage.ts': "import './fill.js'\nimport { size } from './size.js'\nexport const stage = () => size",
      'list.ts': 'export const list = []',
      'fill.ts': "import { list } from './list.js'\nlist.push(1)",
      'size.ts': "import { list } from './list.js'\nexport const size = list.length",
    },
    edit: { 'stage.ts': "import { size } from './size.js'\nimport './fill.js'\nexport const stage = () => size" },
    changes: ['the order in which size is evaluated edited'],
  },
  {
    what: 'the order of functions that a package wraps, beside a statement',
    files: {
      'stage.ts':
        "import * as Effect from 'effect/Effect'\nconsole.log(1)\nconst a = Effect.fn(() => 1)\nconst b = Effect.fn(() => 2)\nexport const stage = () => [a, b]",
    },
    edit: {
      'stage.ts':
        "import * as Effect from 'effect/Effect'\nconsole.log(1)\nconst b = Effect.fn(() => 2)\nconst a = Effect.fn(() => 1)\nexport const stage = () => [a, b]",
    },
    changes: [],
  },
  {
    what: 'a function to which a namespace adds',
    files: {
      'stage.ts': "import { f } from './a.js'\nexport const stage = () => f() + f.rate",
      'a.ts': 'export function f() { return 1 }\nexport namespace f { export const rate = 1 }',
    },
    edit: { 'a.ts': 'export function f() { return 1 }\nexport namespace f { export const rate = 2 }' },
    changes: ['f edited'],
  },
  {
    what: 'a prototype that a statement changes',
    files: {
      'stage.ts': "import { A } from './a.js'\nexport const stage = () => new A().b()",
      'a.ts': 'export class A {}\nA.prototype.b = () => 1',
    },
    edit: { 'a.ts': 'export class A {}\nA.prototype.b = () => 2' },
    changes: ['module code edited'],
  },
  {
    what: 'names that every object has',
    files: {
      'stage.ts':
        "import { toString, constructor as made } from './a.js'\nexport const stage = () => { class A { hasOwnProperty() { return toString() + made } } return A }",
      'a.ts': 'export const toString = () => 1\nexport const constructor = 1',
    },
    edit: { 'a.ts': 'export const toString = () => 2\nexport const constructor = 2' },
    changes: ['constructor edited', 'toString edited'],
  },
  {
    what: 'a module that its package names by #, and a folder by its package.json',
    files: {
      'package.json': '{ "type": "module", "imports": { "#losses/*": "./src/*.js" } }',
      'stage.ts':
        "import { a } from '#losses/kd'\nimport { createRequire } from 'node:module'\nexport const stage = () => a + createRequire(import.meta.url)('./lib')",
      'src/kd.js': 'export const a = 1',
      'lib/package.json': '{ "main": "entry.cjs" }',
      'lib/entry.cjs': 'module.exports = 1',
    },
    edit: { 'src/kd.js': 'export const a = 2', 'lib/entry.cjs': 'module.exports = 2' },
    changes: ['module code edited', 'a edited'],
  },
  {
    what: 'what the parser does not understand',
    files: { 'stage.ts': 'export const stage = (a) => a |> b(%)' },
    edit: { 'stage.ts': 'export const stage = (a) => a |> b(%, 1)' },
    changes: ['stage edited'],
  },
]

describe('what code reaches', () => {
  const workspace = workspaceForEach()

  for (const { what, files, edit, changes } of edits) {
    it(`${changes.length === 0 ? 'leaves out' : 'has in it'} ${what}`, () => {
      writeFiles(workspace, files)
      const before = codeOf(workspace)
      for (const [name, text] of Object.entries(edit)) {
        if (text === null) rmSync(workspace.file(name))
        else workspace.write(name, text)
      }
      const now = codeOf(workspace)
      expect(now.opaque).to.deep.equal([])
      if (changes.length === 0) expect(recordDigest(now)).to.equal(recordDigest(before))
      else expect(changesBetween(before, now)).to.deep.equal(changes)
    })
  }

  it('is found again at once after an edit is taken back', () => {
    writeFiles(workspace, edits[0]!.files)
    const before = digestOf(workspace)
    writeFiles(workspace, edits[0]!.edit as Files)
    expect(digestOf(workspace)).not.to.equal(before)
    writeFiles(workspace, edits[0]!.files)
    expect(digestOf(workspace)).to.equal(before)
  })

  it('does not know where on the machine it lies', () => {
    for (const folder of ['here', 'there/deep']) {
      workspace.write(`${folder}/package.json`, '{ "type": "module" }')
      for (const [name, text] of Object.entries(edits[2]!.files)) workspace.write(`${folder}/${name}`, text)
    }
    expect(digestOf(workspace, 'stage', 'here/stage.ts')).to.equal(digestOf(workspace, 'stage', 'there/deep/stage.ts'))
  })

  it('names the nearest symbol and the whole way to what changed', () => {
    writeFiles(workspace, {
      'stage.ts': "import { train } from './train.js'\nexport const stage = () => train()",
      'train.ts': "import { step } from './step.js'\nexport const train = () => step()",
      'step.ts': "import { loss } from './losses.js'\nexport const step = () => loss()",
      'losses.ts': '// The loss.\n\nexport const loss = () => 1',
    })
    const { symbols } = codeOf(workspace)
    expect(symbols['losses.ts:loss']).to.deep.include({ line: 3, column: 14, through: 'step.ts:step' })
    expect(existsSync(workspace.file('store')), 'reading writes nothing').to.be.false
  })
})
