import { expect } from 'chai'
import { canonical } from '../../src/runtime/canonical.js'
import { Generator } from '../../src/stages/data/random.js'
import { runCli } from '../support/cli.js'
import { eventsOf } from '../support/read-events.js'
import { workspaceForEach } from '../support/workspace.js'

const long = process.env['GENEPOOL_LONG'] === '1'

/** Texts that encodings mix up: separators, digits, lengths, escapes, lone surrogates. */
const texts = [
  '',
  '0',
  '1',
  'a',
  'b',
  ':',
  ';',
  ',',
  '"',
  '\\',
  '1:a',
  's1:a',
  '\u0000',
  '\ud800',
  '\udfff',
  'null',
  'é',
  'é',
]
const numbers = [0, -0, 1, -1, 10, 0.1, 1e21, 1e-7, 2 ** 53, Number.MIN_VALUE]

const draw = (random: Generator, depth: number): unknown => {
  const pick = random.integer(depth === 0 ? 4 : 6)
  if (pick === 0) return null
  if (pick === 1) return random.integer(2) === 1
  if (pick === 2) return numbers[random.integer(numbers.length)]
  if (pick === 3) return texts[random.integer(texts.length)]
  const size = random.integer(4)
  if (pick === 4) return Array.from({ length: size }, () => draw(random, depth - 1))
  return Object.fromEntries(
    Array.from({ length: size }, () => [texts[random.integer(texts.length)], draw(random, depth - 1)]),
  )
}

/** Equality by meaning, written without any encoding. */
const same = (a: unknown, b: unknown): boolean => {
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return Object.is(a, b)
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  const names = Object.keys(left)
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && same(left[name], right[name]))
  )
}

describe("The key's encoding is injective and at least 256 bits (fuzz it)", () => {
  const workspace = workspaceForEach()

  it('values have one encoding exactly when they are equal', () => {
    const random = Generator.from(1, 'canonical')
    const byEncoding = new Map<string, unknown>()
    let repeated = 0
    for (let index = 0; index < (long ? 3_000_000 : 100_000); index++) {
      const value = draw(random, 3)
      const encoding = canonical(value)
      const other = byEncoding.get(encoding)
      if (byEncoding.has(encoding)) {
        repeated += 1
        expect(same(value, other), encoding).to.equal(true)
      } else byEncoding.set(encoding, value)
      if (byEncoding.size > 500_000) byEncoding.clear()
    }
    expect(repeated, 'equal values were drawn too').to.be.above(100)
  })

  it('a mutation anywhere in a value changes its encoding', () => {
    const random = Generator.from(2, 'canonical')
    for (let index = 0; index < 20_000; index++) {
      const [a, b] = [draw(random, 2), draw(random, 2)]
      expect(canonical([a, b]) === canonical([b, a])).to.equal(same(a, b))
      expect(canonical({ a, b }) === canonical({ a: b, b: a })).to.equal(same(a, b))
      expect(canonical([a, b])).not.to.equal(canonical([[a, b]]))
    }
  })

  it('through the command line: as many fingerprints as different parameters, each of 256 bits', async () => {
    const values = [
      null,
      false,
      0,
      1,
      '',
      '0',
      '1',
      'null',
      [],
      {},
      [[]],
      [null],
      [''],
      ['a', 'b'],
      ['a,b'],
      ['ab', ''],
    ]
    const more = [
      { a: 1 },
      { a: '1' },
      { a: [1] },
      { a: { a: 1 } },
      { 'a:1': null },
      { '': 0 },
      '\ud800',
      '\udfff',
      -0,
      1e21,
    ]
    workspace.write(
      'keys.mjs',
      `import { writeFileSync } from 'node:fs'
import { pipeline, stage } from 'genepool'
const values = ${JSON.stringify([...values, ...more]).replace(',0,1e+21]', ',-0,1e+21]')}
const one = (value, index) =>
  stage('s' + index, { params: { value }, warm: true, run: ({ outDir }) => writeFileSync(outDir + '/a', '') })
export default pipeline('keys').add(...values.map(one))
`,
    )
    const run = await runCli(['run', 'keys.mjs', '--json'], { cwd: workspace.path })
    const prints = [...eventsOf(run.events, 'stage-finished'), ...eventsOf(run.events, 'stage-cached')].map(
      ({ fingerprint }) => fingerprint,
    )
    expect(run.code, run.stdout).to.equal(0)
    expect(prints).to.have.length(values.length + more.length)
    expect(new Set(prints).size).to.equal(prints.length)
    for (const print of prints) expect(print).to.match(/^[0-9a-f]{64}$/)
  })
})
