import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { DefinitionError, mnist, pipeline, suite, vit, type SuiteNode } from '../../src/index.js'

const THIS_FILE = fileURLToPath(import.meta.url)
const SOURCE = readFileSync(THIS_FILE, 'utf8').split('\n')

const data = () => pipeline('cell').data(mnist({ take: 10 }))

// What JavaScript users can write although it does not compile goes through here, without types.
type AnySuite = (name: unknown, axes: unknown, build?: unknown, options?: unknown) => SuiteNode
const untyped = suite as unknown as AnySuite
const axes = (written: unknown) => untyped('s', written, data)
const options = (written: unknown) => untyped('s', { init: ['a', 'b'], depth: [6, 9] }, data, written)
const build = (written: unknown) => untyped('s', { init: ['a', 'b'], size: { small: 1 } }, written)

/** [what is written, the problem, what the message says] */
type Case = readonly [write: () => unknown, problem: string, message: string]

const cases: Readonly<Record<string, readonly Case[]>> = {
  'a suite': [
    [() => untyped('', { a: [1] }, data), 'badName', 'suite: its name is "", which cannot name a file'],
    [() => untyped(7, { a: [1] }, data), 'badName', 'suite: its name is 7'],
    [() => build(undefined), 'wrongType', "suite.build is undefined: write ({ … }) => pipeline('name')"],
  ],
  'its axes': [
    [() => axes({}), 'empty', "suite.axes is empty: write one or more, { init: ['learned', 'random'] }"],
    [() => axes(undefined), 'wrongType', 'suite.axes is undefined: write a record { axis: [values] }'],
    [() => axes([['a']]), 'wrongType', 'suite.axes is [["a"]]: write a record'],
    [() => axes({ init: [] }), 'empty', "suite.axes.init has no values: write one or more, ['learned', 'random']"],
    [() => axes({ size: {} }), 'empty', 'suite.axes.size has no values'],
    [() => axes({ init: 'learned' }), 'wrongType', 'suite.axes.init is "learned": write a list of values or a record'],
    [() => axes({ init: ['a', 'b', 'a'] }), 'duplicateName', 'suite.axes.init has "a" twice'],
    [() => axes({ n: [1, '1'] }), 'duplicateName', 'suite.axes.n has "1" twice'],
    [() => axes({ 'learning rate': [1] }), 'badName', 'suite.axes has the name "learning rate": write a letter'],
    [() => axes({ '1st': [1] }), 'badName', 'suite.axes has the name "1st"'],
    [() => axes({ seed: [1, 2] }), 'badName', 'suite.axes.seed is no axis: write seeds in the options'],
    [() => axes({ n: [1, NaN] }), 'wrongType', 'suite.axes.n has NaN: write strings, finite numbers or booleans'],
    [
      () => axes({ n: [{ d: 1 }] }),
      'wrongType',
      'suite.axes.n has {"d":1}: write strings, finite numbers or booleans, or a record',
    ],
    [() => axes({ n: Array(1) }), 'wrongType', 'suite.axes.n has undefined'],
    [
      () => axes({ n: ['a,b'] }),
      'badName',
      'suite.axes.n has "a,b", which cannot name a cell: write a text without commas',
    ],
    [() => axes({ n: { 'a#b': 1 } }), 'badName', 'suite.axes.n has "a#b", which cannot name a cell'],
    [() => axes({ n: [''] }), 'badName', 'suite.axes.n has "", which cannot name a cell'],
  ],
  'its options': [
    [() => options({ seeds: 0 }), 'outOfRange', 'suite.seeds is 0: write a whole number, 1 or more'],
    [
      () => options({ seeds: [] }),
      'empty',
      'suite.seeds is empty: write a number of seeds, or a list of whole numbers',
    ],
    [() => options({ seeds: [1, 1.5] }), 'wrongType', 'suite.seeds has 1.5: write whole numbers, 0 or more'],
    [() => options({ seeds: [1, 1] }), 'duplicateName', 'suite.seeds has 1 twice'],
    [() => options({ seed: 1 }), 'unknownOption', 'suite.seed is not an option: did you mean seeds?'],
    [() => options({ exclude: () => true }), 'empty', 'suite.exclude leaves no cell: exclude fewer, or include some'],
    [() => options({ exclude: [{}] }), 'empty', 'suite.exclude leaves no cell'],
    [
      () => options({ exclude: 'a' }),
      'wrongType',
      'suite.exclude is "a": write a function of a cell, or a list of cells',
    ],
    [() => options({ exclude: [{ init: 'c' }] }), 'mismatch', 'suite.exclude[0] has init "c", which is not among a, b'],
    [
      () => options({ exclude: [{ int: 'a' }] }),
      'mismatch',
      'suite.exclude[0] has "int", which is no axis: did you mean init?',
    ],
    [
      () => options({ include: [{ init: 'a' }] }),
      'mismatch',
      'suite.include[0] has no depth: write a label for every axis',
    ],
    [
      () => options({ include: [{ init: 'a', depth: 6, seed: 5 }] }),
      'mismatch',
      'suite.include[0] has seed 5, which is not among 0',
    ],
    [
      () => options({ include: [{ init: 'a', depth: 6 }] }),
      'duplicateName',
      'suite.include: the cell init=a,depth=6,seed=0 is there already',
    ],
    [
      () => options({ exclude: async () => false }),
      'wrongType',
      'suite.exclude returns a promise, which is neither true nor false: it must not be async',
    ],
    [
      () => options({ exclude: () => Promise.reject(new Error('not waited for')) }),
      'wrongType',
      'suite.exclude returns a promise',
    ],
    [
      () => options({ seeds: 1e10 }),
      'outOfRange',
      'suite.seeds is 10000000000: write fewer, a suite has at most 100000 cells',
    ],
    [
      () => options({ seeds: 50_000 }),
      'outOfRange',
      'suite: its axes and seeds make 200000 cells before any is left out: write fewer',
    ],
    [
      () => options({ seeds: 25_000, include: [{ init: 'a', depth: 6 }] }),
      'outOfRange',
      'suite.include makes them 125000 cells: write fewer',
    ],
    [() => options({ include: {} }), 'wrongType', 'suite.include is {}: write a list of cells'],
  ],
  'a cell': [
    [
      () => build(() => undefined),
      'wrongType',
      'cell init=a,size=small,seed=0: build returns undefined, which is no pipeline',
    ],
    [() => build(() => ({ kind: 'pipeline' })), 'wrongType', 'build returns {"kind":"pipeline"}, which is no pipeline'],
    [() => build(async () => data()), 'wrongType', 'build returns a promise: it must not be async'],
    [() => build(() => pipeline('x')), 'empty', "cell init=a,size=small,seed=0: pipeline 'x' has no stages"],
    [
      () =>
        build(() => {
          throw new Error('no such file')
        }),
      'mismatch',
      'cell init=a,size=small,seed=0: build throws: no such file',
    ],
  ],
}

const caught = (write: () => unknown): DefinitionError => {
  try {
    write()
  } catch (error) {
    if (error instanceof DefinitionError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

for (const [what, all] of Object.entries(cases)) {
  describe(`${what} is refused with a sentence`, () => {
    for (const [write, problem, message] of all) {
      it(message, () => {
        const error = caught(write)
        expect(error.message).to.contain(message)
        expect(error.message).not.to.contain('\n')
        expect(error.problem).to.equal(problem)
        expect(error.place?.file).to.equal(THIS_FILE)
      })
    }
  })
}

describe('an error within a cell', () => {
  it('names the cell and points at the step that was wrong', () => {
    const error = caught(() =>
      suite('s', { heads: [3, 5] }, ({ heads }) =>
        data().teacher(vit({ embedDim: 12, depth: 3, numHeads: heads, patchSize: 14 }), { epochs: 1 }),
      ),
    )
    expect(error.message).to.match(/^cell heads=5,seed=0: vit\.numHeads is 5, which does not divide embedDim 12/)
    const { line, column } = error.place!
    expect(SOURCE[line - 1]?.slice(column - 1)).to.match(/^vit\(/)
  })

  it('keeps what was thrown as its cause', () => {
    const thrown = new TypeError('deep down')
    const error = caught(() =>
      suite('s', { n: [1] }, () => {
        throw thrown
      }),
    )
    expect(error.cause).to.equal(thrown)
  })
})
