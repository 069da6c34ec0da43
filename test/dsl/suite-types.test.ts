import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { Project, ts, type Diagnostic, type SourceFile } from 'ts-morph'

const root = fileURLToPath(new URL('../../', import.meta.url))

const DATA = "pipeline('p').data(mnist())"

/** Programs that must not compile, each with what the compiler must say of it. */
const WRONG: readonly (readonly [program: string, sentence: string])[] = [
  [`suite('s', {}, () => ${DATA})`, 'a suite needs at least one axis'],
  [`suite('s', { init: [] }, () => ${DATA})`, 'an axis needs at least one value'],
  [`suite('s', { size: {} }, () => ${DATA})`, 'an axis needs at least one value'],
  [`suite('s', { seed: [1, 2] }, () => ${DATA})`, 'an axis cannot be called seed: write seeds in the options'],
  [`suite('s', { n: [1] }, () => 7)`, "Type 'number' is not assignable to type"],
  [`suite('s', { n: [1] }, ({ m }) => ${DATA})`, "Property 'm' does not exist"],
  [`suite('s', { n: [{ d: 1 }] }, () => ${DATA})`, 'is not assignable'],
  [`suite('s', { n: [1, 2] }, () => ${DATA}, { exclude: [{ n: 3 }] })`, "Type '3' is not assignable to type '1 | 2"],
  [`suite('s', { n: [1, 2] }, () => ${DATA}, { exclude: ({ n }) => n === 3 })`, 'have no overlap'],
  [`suite('s', { n: [1], m: [2] }, () => ${DATA}, { include: [{ n: 1 }] })`, "Property 'm' is missing"],
  [`suite('s', { n: { a: 5 } }, () => ${DATA}, { include: [{ n: 5 }] })`, 'is not assignable to type \'"a"\''],
  [`suite('s', { n: [1] }, () => ${DATA}, { sedes: 3 })`, "'sedes' does not exist in type"],
  [`suite('s', { n: [1] }, () => ${DATA}).cells.pop()`, "Property 'pop' does not exist on type 'readonly"],
]

/** Programs that must compile, so that the above are refused for what is wrong with them and nothing else. */
const RIGHT: Readonly<Record<string, string>> = {
  'literal values where a step wants them': `suite(
    's',
    {
      init: ['learned', 'leastSquares'],
      positions: ['end', 'mid+end'],
      from: ['tiny', 'small'],
      width: { narrow: { embedDim: 96, numHeads: 3 }, wide: { embedDim: 192, numHeads: 3 } },
    },
    ({ init, positions, from, width, seed }) =>
      pipeline('p', { seed })
        .data(mnist())
        .teacher(vit({ embedDim: 768, depth: 12, numHeads: 12 }), { epochs: 1 })
        .distill(
          {
            tiny: { embedDim: 48, depth: 6, numHeads: 3, positions },
            small: { depth: 6, ...width },
            base: { embedDim: 768, depth: 6, numHeads: 12 },
          },
          { epochs: 1 },
        )
        .pool()
        .stitch({ from, to: 'base', init }, { epochs: 1 }),
    {
      seeds: 3,
      exclude: [{ init: 'learned', width: 'wide', seed: 1 }],
      include: [{ init: 'learned', positions: 'end', from: 'tiny', width: 'wide', seed: 1 }],
    },
  ) satisfies SuiteNode`,
  'axes that are known only when it is defined': `{
    const starts: readonly ('learned' | 'random')[] = ['learned']
    const axes: Record<string, readonly number[]> = { n: [1] }
    suite('s', { starts }, ({ starts: start }) => {
      const one: 'learned' | 'random' = start
      return pipeline(one).data(mnist())
    })
    suite('s', axes, (cell) => pipeline(String(cell['n'])).data(mnist()))
  }`,
  'pipelines of different length': `suite('s', { short: [true, false] }, ({ short }) => {
    const data = ${DATA}
    return short ? data : data.teacher(vit({ embedDim: 96, depth: 6, numHeads: 3 }), { epochs: 1 })
  })`,
}

const HEAD = "import { mnist, pipeline, suite, vit, type SuiteNode } from 'genepool'\n"

const messageOf = (diagnostic: Diagnostic): string => {
  const text = diagnostic.getMessageText()
  return ts.flattenDiagnosticMessageText(typeof text === 'string' ? text : text.compilerObject, '\n')
}

describe('the types of a suite', () => {
  let project: Project
  /** All in one compilation: opening it is what takes the time. */
  const files = new Map<string, SourceFile>()
  const compile = (program: string): string =>
    project.getProgram().getSemanticDiagnostics(files.get(program)).map(messageOf).join('\n')

  before(() => {
    project = new Project({
      tsConfigFilePath: `${root}tsconfig.json`,
      skipAddingFilesFromTsConfig: true,
      compilerOptions: { types: [], noUnusedLocals: false },
    })
    for (const program of new Set([...Object.values(RIGHT), ...WRONG.map(([wrong]) => wrong)])) {
      const file = `${root}pipelines/suite-type-test-${files.size}.ts`
      files.set(program, project.createSourceFile(file, `${HEAD}${program}\n`))
    }
  })

  for (const [what, program] of Object.entries(RIGHT)) {
    it(`accept ${what}`, () => {
      expect(compile(program)).to.equal('')
    })
  }

  for (const [program, sentence] of WRONG) {
    it(`refuse ${program.replace(DATA, '…')}: ${sentence}`, () => {
      expect(compile(program)).to.contain(sentence)
    })
  }
})
