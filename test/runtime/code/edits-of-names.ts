/** What names mean, in one file and across several. */
import type { CodeEdit } from '../../support/code-edit.js'

export const nameEdits: readonly CodeEdit[] = [
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
    changes: ['stage edited'],
  },
  {
    what: 'two exports that change places',
    files: {
      'stage.ts': "import { c, d } from './a.js'\nexport const stage = () => c - d",
      'a.ts': 'const a = 1\nconst b = 2\nexport { a as c, b as d }',
    },
    edit: { 'a.ts': 'const a = 1\nconst b = 2\nexport { b as c, a as d }' },
    changes: ['stage edited'],
  },
  {
    what: "which function of Node's a name means",
    files: { 'stage.ts': "import { join as j } from 'node:path'\nexport const stage = () => j('a', 'b')" },
    edit: { 'stage.ts': "import { resolve as j } from 'node:path'\nexport const stage = () => j('a', 'b')" },
    changes: ['resolve edited'],
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
    what: 'any member of a namespace that is exported as one',
    files: {
      'stage.ts': "import { a } from './index.js'\nexport const stage = () => a.b",
      'index.ts': "export * as a from './a.js'",
      'a.ts': 'export const b = 1\nexport const c = 1',
    },
    edit: { 'a.ts': 'export const b = 2\nexport const c = 2' },
    changes: ['b edited', 'c edited'],
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
    changes: ['Trainer edited', 'Trainer.step edited'],
  },
  {
    what: 'the order of methods, in which their names are listed and their decorators called',
    files: {
      'stage.ts':
        'class K { a() {} static b() {} c() {} }\nexport const stage = () => Object.getOwnPropertyNames(K.prototype)',
    },
    edit: {
      'stage.ts':
        'class K { c() {} static b() {} a() {} }\nexport const stage = () => Object.getOwnPropertyNames(K.prototype)',
    },
    changes: ['K edited'],
  },
  {
    what: 'an enum in two parts, of another file',
    files: {
      'stage.ts': "import { E } from './e.js'\nexport const stage = () => Object.keys(E)",
      'e.ts': 'export enum E { a = 1 }\nexport enum E { b = 2 }',
    },
    edit: { 'e.ts': 'export enum E { a = 1 }\nexport enum E { c = 2 }' },
    changes: ['E edited'],
  },
  {
    what: 'an exported variable that is declared twice',
    files: {
      'stage.ts': "import { v } from './v.js'\nexport const stage = () => v",
      'v.js': 'export var u = 1, { v } = { v: 1 }\nvar v = 2',
    },
    edit: { 'v.js': 'export var u = 1, { v } = { v: 1 }\nvar v = 3' },
    changes: ['v edited'],
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
]
