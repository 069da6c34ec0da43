/** Modules, types and files that are no code. */
import type { CodeEdit } from '../../support/code-edit.js'

export const moduleEdits: readonly CodeEdit[] = [
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
    what: 'a name that comes to be in both of two stars: the program is none then',
    files: {
      'stage.ts': "import { a } from './index.js'\nexport const stage = () => a",
      'index.ts': "export * from './b.js'\nexport * from './a.js'",
      'a.ts': 'export const a = 5',
      'b.ts': 'export const b = 1',
    },
    edit: { 'b.ts': 'export const a = 1' },
    opaque: 'no program: Ambiguous import "a" has multiple matching exports',
    changes: ['contents added', 'contents added', 'contents added', 'contents added', 'a removed', 'stage removed'],
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
    changes: ['module code edited'],
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
]
