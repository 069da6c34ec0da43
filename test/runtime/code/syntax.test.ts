import { expect } from 'chai'
import type { CodeRecord } from '../../../src/runtime/code/code-record.js'
import { moduleCodeOf } from '../../support/stage-code.js'
import { workspaceForAll } from '../../support/workspace.js'

type Pairs = readonly (readonly [what: string, a: string, b: string])[]

/** Two ways to write the same. */
const same: Pairs = [
  ['comments', '/** a */ export const a = 1 // b', 'export const a = /* c */ 1'],
  ['white space and line breaks', 'export const a=f( 1,\n2 )', 'export const a = f(1, 2)'],
  ['semicolons', 'export const a = 1; export const b = 2;', 'export const a = 1\nexport const b = 2'],
  ['empty statements', 'export function f() {;;return 1;}', 'export function f() { return 1 }'],
  ['trailing commas', 'export const a = [1, 2,]; f(a,)', 'export const a = [1, 2]; f(a)'],
  ['quotes', `export const a = "it's"`, `export const a = 'it\\'s'`],
  ['brackets that bind nothing', 'export const a = ((1 + 2)) * (3)', 'export const a = (1 + 2) * 3'],
  ['brackets around the one parameter of an arrow', 'export const a = (x) => x', 'export const a = x => x'],
  ['brackets of logical chains', 'export const a = b && (c && d)', 'export const a = b && c && d'],
  ['quotes of keys', `export const a = { 'b': 1, 'c-d': 2 }`, `export const a = { b: 1, "c-d": 2 }`],
  ['quotes of numeric keys', `export const a = { '1': 1 }`, `export const a = { 1: 1 }`],
  [
    'spelling of numbers',
    'export const a = [0xFF, 1.50, .5, 1E3, 1_000, 10N]'.replace('N', 'n'),
    'export const a = [255, 1.5, 0.5, 1000, 1000, 0xAn]',
  ],
  ['order of flags of a regular expression', 'export const a = /b/gi', 'export const a = /b/ig'],
  ['an empty list of arguments', 'export const a = new A()', 'export const a = new A'],
  ['let and const of the module', 'export let a = 1', 'export const a = 1'],
  [
    'annotations',
    'export const a: number = 1; export const f = (x: A, y?: B): C => x',
    'export const a = 1; export const f = (x, y) => x',
  ],
  ['interfaces and aliases', 'interface A { b: 1 } type C = A; export const a = 1', 'export const a = 1'],
  ['as, satisfies and !', 'export const a = (b as C).d!.e satisfies F', 'export const a = b.d.e'],
  [
    'type arguments',
    'export const a = f<A>(new B<C>()); export class D extends E<F> {}',
    'export const a = f(new B()); export class D extends E {}',
  ],
  ['type parameters', 'export function f<A extends B>(x: A) { return x }', 'export function f(x) { return x }'],
  ['an arrow with type parameters', 'export const f = <A,>(x: A) => x', 'export const f = (x) => x'],
  [
    'overloads',
    'export function f(a: 1): 1; export function f(a: 2): 2; export function f(a) { return a }',
    'export function f(a) { return a }',
  ],
  [
    'imports and exports of types',
    "import type { A } from './a.js'; import { type B, c } from './b.js'; export type { A }; export { type B }; export const d = c",
    "import { c } from './b.js'; export {}; export const d = c",
  ],
  ['declare', 'declare const a: number; declare module "b" { const c: 1 } export const d = a', 'export const d = a'],
  [
    'access, readonly, override, implements and abstract',
    'export abstract class A extends B implements C { private readonly a = 1; protected override b(): void {} abstract c(): void; abstract d: 1; declare e: 2; [key: string]: any }',
    'export class A extends B { a = 1; b() {} }',
  ],
  [
    'which word makes a field of a parameter',
    'export class A { constructor(private a, public readonly b) {} }',
    'export class A { constructor(public a, protected b) {} }',
  ],
  ['the type of this', 'export function f(this: A, b) { return b }', 'export function f(b) { return b }'],
  ['a namespace of types', 'namespace A { export interface B {} } export const a = 1', 'export const a = 1'],
  ['const of an enum', 'export const enum A { B = 1 }', 'export enum A { B = 1 }'],
  ['a definite assignment', 'export let a!: number', 'export let a: number'],
  [
    'a directive of what is strict anyway',
    'export function f() { "use strict"; return this }',
    'export function f() { ("use strict"); return this }',
  ],
  ['line endings within a template', 'export const a = `b\r\nc`', 'export const a = `b\nc`'],
  ['escapes in strings', String.raw`export const a = 'é'`, 'export const a = "é"'],
  [
    'quotes of import attributes',
    `import a from './a.json' with { "type": "json" }; export const b = a`,
    `import a from './a.json' with { type: 'json' }; export const b = a`,
  ],
]

/** Two things that are not the same. */
const different: Pairs = [
  ['an operator', 'export const a = 1 + 2', 'export const a = 1 - 2'],
  ['brackets that bind', 'export const a = (1 + 2) * 3', 'export const a = 1 + 2 * 3'],
  ['brackets that end a chain', 'export const a = (b?.c).d', 'export const a = b?.c.d'],
  ['brackets between different logical operators', 'export const a = (b || c) && d', 'export const a = b || (c && d)'],
  ['brackets of sums, which round', 'export const a = b + (c + d)', 'export const a = b + c + d'],
  ['a string that looks like code', "export const a = 'b'", 'export const a = b'],
  ['a hole in a list', 'export const a = [1, , 2]', 'export const a = [1, 2]'],
  ['what a line break ends', 'export function f() { return\n1 }', 'export function f() { return 1 }'],
  ['white space in a string', "export const a = 'b c'", "export const a = 'b  c'"],
  ['white space in a template', 'export const a = `b\nc`', 'export const a = `b\n c`'],
  ['the raw text of a tagged template', 'export const a = t`\\n`', 'export const a = t`\n`'],
  ['a regular expression', 'export const a = /b/', 'export const a = /b/g'],
  ['a comment in a string', "export const a = 'b' // c", "export const a = 'b // c'"],
  ['await', 'export const a = async () => b()', 'export const a = async () => await b()'],
  ['async', 'export const a = async () => 1', 'export const a = () => 1'],
  ['a generator', 'export function* f() {}', 'export function f() {}'],
  ['an async generator', 'export async function* f() {}', 'export function* f() {}'],
  ['yield*', 'export function* f() { yield* a }', 'export function* f() { yield a }'],
  ['optional chaining', 'export const a = b?.c', 'export const a = b.c'],
  ['an optional call', 'export const a = b?.()', 'export const a = b()'],
  ['negation', 'export const a = !b', 'export const a = b'],
  ['prefix and postfix', 'export const f = (a) => a++', 'export const f = (a) => ++a'],
  ['plus plus and minus minus', 'export const f = (a) => a++', 'export const f = (a) => a--'],
  [
    'an empty part of a for',
    'export const f = () => { for (; a; ) b() }',
    'export const f = () => { for (; ; a) b() }',
  ],
  [
    'for of and for in',
    'export const f = () => { for (const a of b) c(a) }',
    'export const f = () => { for (const a in b) c(a) }',
  ],
  [
    'for await',
    'export const f = async () => { for await (const a of b) c(a) }',
    'export const f = async () => { for (const a of b) c(a) }',
  ],
  ['let and var', 'export const f = () => { let a = 1; return a }', 'export const f = () => { var a = 1; return a }'],
  ['using', 'export const f = () => { using a = b(); return a }', 'export const f = () => { const a = b(); return a }'],
  [
    'await using',
    'export const f = async () => { await using a = b() }',
    'export const f = async () => { using a = b() }',
  ],
  [
    'a label',
    'export const f = () => { a: for (;;) for (;;) break a }',
    'export const f = () => { a: for (;;) for (;;) break }',
  ],
  ['a spread', 'export const a = [...b]', 'export const a = [b]'],
  ['a rest parameter', 'export const f = (...a) => a', 'export const f = (a) => a'],
  ['a default value', 'export const f = (a = 1) => a', 'export const f = (a = 2) => a'],
  ['a default of a pattern', 'export const f = ({ a = 1 }) => a', 'export const f = ({ a = 2 }) => a'],
  ['which property a pattern takes', 'export const f = ({ a: b }) => b', 'export const f = ({ c: b }) => b'],
  ['a computed key', 'export const a = { [b]: 1 }', 'export const a = { b: 1 }'],
  ['a getter', 'export const a = { get b() { return 1 } }', 'export const a = { b() { return 1 } }'],
  ['a private field', 'export class A { #b = 1 }', 'export class A { b = 1 }'],
  ['static', 'export class A { static b = 1 }', 'export class A { b = 1 }'],
  ['accessor', 'export class A { accessor b = 1 }', 'export class A { b = 1 }'],
  [
    'a field without a value, which hides one above',
    'export class A extends B { c: number }',
    'export class A extends B {}',
  ],
  [
    'a field that a parameter makes',
    'export class A { constructor(private b) {} }',
    'export class A { constructor(b) {} }',
  ],
  ['the order of fields', 'export class A { b = f(); c = f() }', 'export class A { c = f(); b = f() }'],
  ['a static block', 'export class A { static { f() } }', 'export class A { }'],
  ['a decorator', 'export class A { @b c() {} }', 'export class A { c() {} }'],
  ['a decorator of a class', '@b export class A {}', '@c export class A {}'],
  ['what a class extends', 'export class A extends B {}', 'export class A extends C {}'],
  ['an enum', 'export enum A { B, C }', 'export enum A { C, B }'],
  ['a value in an enum', 'export enum A { B = 1 }', 'export enum A { B = 2 }'],
  ['what a namespace holds', 'export namespace A { export const b = 1 }', 'export namespace A { export const b = 2 }'],
  [
    'new.target and import.meta',
    'export const f = function () { return new.target }',
    'export const f = function () { return import.meta }',
  ],
  ['typeof, void and delete', 'export const f = (a) => void a.b', 'export const f = (a) => delete a.b'],
  ['a comma', 'export const f = () => (a, b)', 'export const f = () => (b, a)'],
  [
    'a number too large to tell from another by its spelling',
    'export const a = 9007199254740993n',
    'export const a = 9007199254740992n',
  ],
  [
    'which export an alias names',
    'const a = 1, b = 2; export { a as c, b as d }',
    'const a = 1, b = 2; export { a as d, b as c }',
  ],
  ['a default export without a name', 'export default () => 1', 'export default () => 2'],
  ['a body that does nothing', 'export const f = (a) => { if (a) ; b() }', 'export const f = (a) => { if (a) b() }'],
  ['a lone surrogate', String.raw`export const a = '\ud800'`, String.raw`export const a = '\ud801'`],
  ['an import for its effects', "import './a.js'", ''],
  ['throw', 'export const f = (a) => { throw a }', 'export const f = (a) => { return a }'],
  [
    'an import attribute',
    "import a from './a.json' with { type: 'json' }; export const b = a",
    "import a from './b.json' with { type: 'json' }; export const b = a",
  ],
]

describe('the syntax of code', () => {
  const workspace = workspaceForAll()

  const codeOf = (text: string, name = 'a.ts'): Promise<CodeRecord> => {
    workspace.write(name, text)
    return moduleCodeOf(workspace, name)
  }

  /** Everything that counts of one file: hashes and what names lead to, without places. */
  const meaning = async (text: string): Promise<string> => {
    const { symbols, order } = await codeOf(text)
    return JSON.stringify([Object.entries(symbols).map(([key, { hash }]) => [key, hash]), order])
  }

  for (const [what, a, b] of same) {
    it(`does not count: ${what}`, async () => {
      expect(await meaning(a)).to.equal(await meaning(b))
    })
  }

  for (const [what, a, b] of different) {
    it(`is told apart by ${what}`, async () => {
      expect(await meaning(a)).not.to.equal(await meaning(b))
    })
  }

  it('is the bytes where it does not parse', async () => {
    const [a, b, c] = [await meaning('export const b = a('), await meaning('export const b = a( '), await meaning('1')]
    expect(new Set([a, b, c])).to.have.length(3)
  })

  it('is read of CommonJS in TypeScript', async () => {
    const { symbols } = await codeOf("import b = require('node:path')\nconst c = () => b\nexport = c", 'a.cts')
    expect(Object.keys(symbols)).to.include('a.cts:module code')
    expect(await codeOf("import b = require('node:path')\nconst c = () => [b]\nexport = c", 'a.cts')).not.to.deep.equal(
      {
        symbols,
      },
    )
  })
})
