/** A pipeline of cheap stages of the user's own: `words` is read by `upper` and `lower`, both by `all`. */
export interface WordOptions {
  readonly name?: string
  readonly text?: string
  /** A file that `words` is made again for, though it leaves the same. */
  readonly source?: string
  /** How long `words` takes. */
  readonly ms?: number
  /** What `upper` leaves, an expression over `text`. */
  readonly upper?: string
  /** What `all` does before anything else. */
  readonly first?: string
  /** What `all` returns. */
  readonly figures?: string
  readonly usesEngine?: boolean
  /** What the stage `all` vouches for. */
  readonly trusts?: readonly string[]
  /** Parameters of `all`. */
  readonly all?: object
}

export const wordPipeline = ({
  name = 'words',
  text = 'Ab',
  ms = 0,
  source = '',
  upper = 'text.toUpperCase()',
  first = '',
  figures = '{ length: both.length }',
  usesEngine = false,
  all = {},
  trusts = [],
}: WordOptions = {}): string => `
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, stage } from 'genepool'

const read = (input: { readonly folder: string }): string => readFileSync(join(input.folder, 'text.txt'), 'utf8')
const leave = (outDir: string, text: string): void => writeFileSync(join(outDir, 'text.txt'), text)

const words = stage('words', {
  params: { text: '${text}', ms: ${ms} },
  sources: {${source === '' ? '' : ` more: '${source}' `}},
  run: async ({ params, outDir, progress }) => {
    for (let passed = 0; passed < params.ms; passed += 50) {
      await new Promise((done) => setTimeout(done, 50))
      progress({ phase: 'wait', step: passed + 50, steps: params.ms })
    }
    leave(outDir, params.text)
  },
})
const upper = stage('upper', {
  inputs: { words },
  params: { letters: 'upper' },
  run: ({ inputs, outDir }) => {
    const text = read(inputs.words)
    leave(outDir, ${upper})
  },
})
const lower = stage('lower', {
  inputs: { words },
  params: { letters: 'lower' },
  run: ({ inputs, outDir }) => leave(outDir, read(inputs.words).toLowerCase()),
})
const all = stage('all', {
  inputs: { upper, lower },
  params: ${JSON.stringify(all)},
  usesEngine: ${usesEngine},
  trusts: ${JSON.stringify(trusts)},
  run: ({ inputs, outDir }) => {
    ${first}
    const both = read(inputs.upper) + read(inputs.lower)
    leave(outDir, both)
    return ${figures}
  },
})
export default pipeline('${name}').add(words, upper, lower, all)
`
