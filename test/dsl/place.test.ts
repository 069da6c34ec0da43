import { expect } from 'chai'
import { placeInStack, placeOfCall } from '../../src/dsl/place.js'

/** A stack whose innermost frames lie in the package, installed in `root`. */
const stackOf = (root: string, ...callers: readonly string[]): string =>
  [
    'Error: place',
    `    at placeOfCall (${root}dsl/place.js:40:5)`,
    `    at vit (${root}dsl/vit.js:1:2)`,
    ...callers,
  ].join('\n')

describe('the place of a definition', () => {
  it('is the first frame outside the package', () => {
    const stack = stackOf(
      'file:///app/node_modules/genepool/dist/',
      '    at file:///app/a%20b/run.ts?v=3:7:11',
      '    at file:///app/z.ts:1:1',
    )
    expect(placeInStack(stack)).to.deep.equal({ file: '/app/a b/run.ts', line: 7, column: 11 })
  })

  it('is outside the package also where some of its frames are mapped to their sources and others are not', () => {
    const stack = stackOf('/lib/dist/', '    at suite (/lib/src/dsl/suite.ts:66:17)', '    at /app/run.ts:7:11')
    expect(placeInStack(stack)?.file).to.equal('/app/run.ts')
  })

  it('is found in frames with a function, a bracket in the path, or async', () => {
    const frames = {
      '    at new Suite (/app/(x) y (z)/run.ts:7:11)': '/app/(x) y (z)/run.ts',
      '    at /app/(x)/run.ts:7:11': '/app/(x)/run.ts',
      '    at async file:///app/run.ts:7:11': '/app/run.ts',
      '    at Object.cell [as run] (/app/run.ts:7:11)': '/app/run.ts',
    }
    for (const [frame, file] of Object.entries(frames)) {
      expect(placeInStack(stackOf('/lib/src/', frame))).to.deep.equal({ file, line: 7, column: 11 })
    }
  })

  it('is a Windows path on Windows', () => {
    const own = 'file:///C:/lib/genepool/dist/'
    const expected = { file: 'C:\\lab\\run.ts', line: 7, column: 11 }
    expect(placeInStack(stackOf(own, '    at file:///C:/lab/run.ts:7:11'))).to.deep.equal(expected)
    expect(placeInStack(stackOf(own, '    at main (C:\\lab\\run.ts:7:11)'))).to.deep.equal(expected)
    // The same folder under another spelling of the drive is still the package's own.
    expect(placeInStack(stackOf(own, '    at f (c:\\lib\\genepool\\dist\\x.js:1:1)'))).to.equal(undefined)
    expect(placeInStack(stackOf(own, '    at file://server/share/run.ts:7:11'))?.file).to.equal(
      '\\\\server\\share\\run.ts',
    )
  })

  it('passes over what is no file', () => {
    const stack = stackOf(
      '/lib/src/',
      '    at node:internal/x:1:2',
      '    at eval (eval at f (/a.ts:1:2), <anonymous>:1:1)',
      '    at native',
    )
    expect(placeInStack(stack)).to.equal(undefined)
  })

  it('is unknown without a stack, and known although the program keeps none', () => {
    expect(placeInStack('')).to.equal(undefined)
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    try {
      expect(placeOfCall()).to.have.property('line')
      expect(Error.stackTraceLimit).to.equal(0)
    } finally {
      Error.stackTraceLimit = limit
    }
  })

  it('is unknown where the program formats stacks in its own way', () => {
    const format = Error.prepareStackTrace
    Error.prepareStackTrace = (_error, sites) => sites
    try {
      expect(placeOfCall()).to.equal(undefined)
    } finally {
      Error.prepareStackTrace = format
    }
  })
})
