import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { format, type Options } from 'prettier'
import type { FileCode } from '../../../src/runtime/code/file-code.js'
import { parseFile } from '../../../src/runtime/code/parse-file.js'
import { checkout } from '../../support/workspace.js'

/** The sources of this package: the code is real, and there is much of it. */
const sources = readdirSync(join(checkout, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(join(checkout, 'src', name), 'utf8') }))

/** What counts, without places. */
const meaningOf = ({ declarations, statements, imports, exports, reexports, stars, evaluates }: FileCode): string =>
  JSON.stringify({ declarations, statements, imports, exports, reexports, stars, evaluates }, (key, value: unknown) =>
    key === 'line' || key === 'column' ? undefined : value,
  )

const differing = (pairs: readonly (readonly [name: string, a: FileCode, b: FileCode])[]): readonly string[] =>
  pairs.filter(([, a, b]) => meaningOf(a) !== meaningOf(b)).map(([name]) => name)

describe('the code of sources of this package', function () {
  // Hundreds of files, each parsed twice.
  this.timeout(600_000)
  const styles: Readonly<Record<string, Options>> = {
    'semicolons, double quotes and narrow lines': {
      semi: true,
      singleQuote: false,
      printWidth: 40,
      trailingComma: 'none',
    },
    'bare arrows, quoted keys and wide lines': {
      semi: false,
      arrowParens: 'avoid',
      quoteProps: 'consistent',
      printWidth: 300,
      bracketSpacing: false,
      useTabs: true,
    },
  }
  Object.entries(styles).forEach(([what, style], number, { length }) => {
    it(`is the same after prettier has written it with ${what}`, async () => {
      const pairs: (readonly [string, FileCode, FileCode])[] = []
      let changed = 0
      for (const { name, text } of sources.filter((_, index) => index % (3 * length) === number)) {
        const formatted = await format(text, { ...style, parser: 'typescript' })
        changed += formatted === text ? 0 : 1
        pairs.push([name, parseFile(name, text), parseFile(name, formatted)])
      }
      expect(changed).to.be.greaterThan(pairs.length / 2)
      expect(differing(pairs)).to.deep.equal([])
    })
  })

  it('is the same as what the compiler makes of it: exactly the types are erased', () => {
    const pairs = sources.map(({ name, text }) => {
      const compiled = name.replace(/ts$/, 'js')
      const parsed = parseFile(compiled, readFileSync(join(checkout, 'dist', compiled), 'utf8'))
      return [name, parseFile(name, text), parsed] as const
    })
    expect(differing(pairs)).to.deep.equal([])
  })
})
