import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { Project, ts, type Diagnostic, type SourceFile } from 'ts-morph'

const root = fileURLToPath(new URL('../../', import.meta.url))

const TAUGHT = "pipeline('p').data(mnist()).teacher(vit({ embedDim: 768, depth: 12, numHeads: 12 }), { epochs: 1 })"
const STUDENTS = `{
  tiny: { embedDim: 96, depth: 6, numHeads: 3 },
  mid: { embedDim: 384, depth: 6, numHeads: 6 },
  base: { embedDim: 768, depth: 6, numHeads: 12 },
  twin: { embedDim: 96, depth: 6, numHeads: 3 },
}`
const POOLED = `${TAUGHT}.distill(${STUDENTS}, { epochs: 1 }).pool()`

/** Programs that must not compile, each with what the compiler must say of it. */
const WRONG: readonly (readonly [program: string, sentence: string])[] = [
  [
    `${POOLED}.stitch({ from: 'tinny', to: 'base' }, { epochs: 1 })`,
    "there is no student 'tinny' in the pool; write one of",
  ],
  [`${POOLED}.stitch({ from: 'tinny', to: 'base' }, { epochs: 1 })`, '"tiny" | "mid" | "base" | "twin"'],
  [
    `${POOLED}.stitch({ from: 'tiny', to: 'bass' }, { epochs: 1 })`,
    "there is no student 'bass' in the pool; write one of",
  ],
  [
    `${POOLED}.stitch({ from: 'base', to: 'tiny' }, { epochs: 1 })`,
    "stitch goes from narrow to wide, and 'base' (768) is wider than 'tiny' (96): write from: 'tiny', to: 'base'",
  ],
  [`${POOLED}.stitch({ from: 'mid', to: 'tiny' }, { epochs: 1 })`, "'mid' (384) is wider than 'tiny' (96)"],
  [`${POOLED}.stitch({ from: 'base', to: 'mid' }, { epochs: 1 })`, "'base' (768) is wider than 'mid' (384)"],
  [`${POOLED}.stitch({ from: 'tiny', to: 'twin' }, { epochs: 1 })`, "'tiny' and 'twin' are equally wide (96)"],
  [`${POOLED}.stitch({ from: 'tiny', to: 'tiny' }, { epochs: 1 })`, "'tiny' cannot be stitched to itself"],
  [`${POOLED}.stitch({ from: 'tiny', to: 'base', init: 'learnt' }, { epochs: 1 })`, `'"learnt"' is not assignable`],
  [`${POOLED}.stitch({ from: 'tiny', to: 'base', int: 'random' }, { epochs: 1 })`, "'int' does not exist in type"],
  [`${POOLED}.stitch({ from: 'tiny', to: 'base' })`, 'Expected 2 arguments, but got 1'],
  [
    `${POOLED}.evaluate()`,
    'evaluate needs stitched models: write .stitch({ from, to }, { epochs }) before .evaluate()',
  ],
  [
    `${TAUGHT}.distill(${STUDENTS}, { epochs: 1 }).stitch({ from: 'tiny', to: 'base' }, { epochs: 1 })`,
    'stitch needs a pool: write .pool() before .stitch(...)',
  ],
  [`${TAUGHT}.pool()`, 'a pool needs students: write .distill({ ... }, { epochs }) before .pool()'],
  [
    `${TAUGHT}.distill({}, { epochs: 1 })`,
    'distil needs at least one student: write { tiny: { embedDim, depth, numHeads } }',
  ],
  [`${TAUGHT}.distill(${STUDENTS}, {})`, "Property 'epochs' is missing"],
  [
    `${TAUGHT}.distill({ huge: { embedDim: 1024, depth: 6, numHeads: 16 } }, { epochs: 1 })`,
    'a student is not wider than its teacher: write an embedDim of 768 or less',
  ],
  [
    `${TAUGHT}.distill({ tiny: { embedDim: 96, depth: 6, numHeads: 3, positons: 'end' } }, { epochs: 1 })`,
    "'positons' is not an option of a student",
  ],
  [`${TAUGHT}.distill(${STUDENTS}, { epochs: 1, schedule: 'constnat' })`, `'"constnat"' is not assignable`],
  [`${TAUGHT}.distill(${STUDENTS}, { epochs: 1, scheduleEpochs: '8' })`, "'string' is not assignable to type 'number'"],
  [`${TAUGHT}.distill(${STUDENTS}, { epochs: 1, milestones: true })`, "'boolean' is not assignable to type 'number'"],
  [`${TAUGHT}.distill(${STUDENTS}, { schedule: 'constant' })`, "Property 'epochs' is missing"],
  [`${TAUGHT}.distill({ tiny: { embedDim: 96, depth: 6 } }, { epochs: 1 })`, "Property 'numHeads' is missing"],
  [
    `pipeline('p').data(mnist()).distill(${STUDENTS}, { epochs: 1 })`,
    'distil needs a teacher: write .teacher(vit({ ... }), { epochs }) before .distill(...)',
  ],
  [
    "pipeline('p').teacher(vit({ embedDim: 96, depth: 6, numHeads: 3 }), { epochs: 1 })",
    'a teacher needs data: write .data(mnist()) before .teacher(...)',
  ],
  [`${TAUGHT}.toNode().stages.push(mnist())`, "Property 'push' does not exist on type 'readonly"],
]

/** Programs that must compile, so that the above are refused for what is wrong with them and nothing else. */
const RIGHT: Readonly<Record<string, string>> = {
  'a whole pipeline': `${POOLED}
    .stitch({ from: 'tiny', to: 'base', init: 'random' }, { epochs: 0 }).evaluate() satisfies PipelineNode`,
  'every other pair from narrow to wide': `{
    const pool = ${POOLED}
    pool.stitch({ from: 'tiny', to: 'mid' }, { epochs: 1 })
    pool.stitch({ from: 'twin', to: 'mid' }, { epochs: 1 })
    pool.stitch({ from: 'mid', to: 'base' }, { epochs: 1 })
  }`,
  'widths that are known only when it is defined': `{
    const width: number = 48
    const students = { a: { embedDim: width, depth: 6, numHeads: 3 }, b: { embedDim: 96, depth: 6, numHeads: 3 } }
    ${TAUGHT}.distill(students, { epochs: 1 }).pool().stitch({ from: 'b', to: 'a' }, { epochs: 1 })
  }`,
  'names that are known only when it is defined': `{
    const students: Record<string, StudentOptions> = {}
    const name: string = 'a'
    ${TAUGHT}.distill(students, { epochs: 1 }).pool().stitch({ from: name, to: 'b' }, { epochs: 1 })
  }`,
  'a student with training of its own': `{
    const student = { embedDim: 96, depth: 6, numHeads: 3, lr: 1e-3, epochs: 3, alpha: 0.5, loss: 'logits' } as const
    ${TAUGHT}.distill({ a: student }, { epochs: 1 })
    ${TAUGHT}
      .distill({ a: { embedDim: 96, depth: 6, numHeads: 3, lr: 1e-3, epochs: 3, loss: 'logits' } }, { epochs: 1 })
  }`,
  'a training that can go on': `{
    const longer = { epochs: 6, scheduleEpochs: 10, milestones: 2 }
    const student = { embedDim: 96, depth: 6, numHeads: 3, schedule: 'cosine', scheduleEpochs: null } as const
    ${TAUGHT}.distill({ a: student, b: { embedDim: 768, depth: 6, numHeads: 12 } }, longer).pool()
      .stitch({ from: 'a', to: 'b' }, { epochs: 6, schedule: 'constant', milestones: 0 })
  }`,
  'a variant that only a flag decides': `{
    const wide = Math.random() > 2
    ${TAUGHT}
      .distill(
        { a: { embedDim: wide ? 768 : 48, depth: 6, numHeads: 3 }, b: { embedDim: 384, depth: 6, numHeads: 6 } },
        { epochs: 1 },
      )
      .pool().stitch({ from: 'a', to: 'b' }, { epochs: 1 })
  }`,
}

const HEAD = "import { mnist, pipeline, vit, type PipelineNode, type StudentOptions } from 'genepool'\n"

const messageOf = (diagnostic: Diagnostic): string => {
  const text = diagnostic.getMessageText()
  return ts.flattenDiagnosticMessageText(typeof text === 'string' ? text : text.compilerObject, '\n')
}

describe('the types of a definition', () => {
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
      const file = `${root}pipelines/type-test-${files.size}.ts`
      files.set(program, project.createSourceFile(file, `${HEAD}${program}\n`))
    }
  })

  for (const [what, program] of Object.entries(RIGHT)) {
    it(`accept ${what}`, () => {
      expect(compile(program)).to.equal('')
    })
  }

  for (const [program, sentence] of WRONG) {
    it(`refuse ${program.replace(POOLED, '…').replace(TAUGHT, '…').replace(STUDENTS, '{…}')}: ${sentence}`, () => {
      expect(compile(program)).to.contain(sentence)
    })
  }
})
