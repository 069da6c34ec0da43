/** What happens while a program is loaded. */
import type { CodeEdit } from '../../support/code-edit.js'

export const loadingEdits: readonly CodeEdit[] = [
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
    what: 'a variable that is made after what changes it',
    files: { 'stage.ts': 'let a = 1\na += 2\nlet b = 1\nconst c = 3\nb += 2\nexport const stage = () => a + b + c' },
    edit: { 'stage.ts': 'let a = 1\na += 2\nconst c = 3\nb += 2\nlet b = 1\nexport const stage = () => a + b + c' },
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
    changes: ['B edited'],
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
    what: 'what a function that a package wraps is named by, where that does something',
    files: {
      'stage.ts':
        "import * as Effect from 'effect/Effect'\nconst list = []\nexport const other = Effect.fn(String(list.push(1)))(function* () {})\nexport const stage = () => list",
    },
    edit: {
      'stage.ts':
        "import * as Effect from 'effect/Effect'\nconst list = []\nexport const other = Effect.fn(String(list.push(2)))(function* () {})\nexport const stage = () => list",
    },
    changes: ['other edited'],
  },
  {
    what: 'whether its package makes a file an ES module or CommonJS',
    files: {
      'stage.ts': "import './a/a.js'\nexport const stage = () => globalThis.x",
      'a/a.js': 'globalThis.x = typeof require',
      'a/package.json': '{ "type": "module" }',
    },
    edit: { 'a/package.json': '{ "type": "commonjs" }' },
    changes: ['code edited'],
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
    changes: ['module code edited'],
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
    opaque: 'code that does not parse',
    changes: ['module code edited'],
  },
]
