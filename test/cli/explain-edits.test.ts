import { expect } from 'chai'
import { format } from 'prettier'
import type { PlannedStage, Reason } from '../../src/runtime/events.js'
import type { Finished } from '../support/child.js'
import { runCli } from '../support/cli.js'
import { countsOf, stagesWith } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

/** `data` → `train` → `report`, and `other`, whose code shares files with the rest and reaches nothing of them. */
const files = {
  'own.ts': `import { pipeline } from 'genepool'
import { other, report } from './stages.js'

export default pipeline('own').add(report, other)
`,
  'stages.ts': `import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stage } from 'genepool'
import { Trainer } from './trainer.js'
import { label } from './labels.js'
import type { Shape } from './shape.js'
import { unused } from './losses/index.js'

const leave = (outDir: string, text: string): void => writeFileSync(join(outDir, 'value.txt'), text)

export const data = stage('data', {
  run: ({ outDir }) => {
    const shape: Shape = { width: 1 }
    leave(outDir, 'data '.repeat(shape.width))
  },
})

export const train = stage('train', {
  inputs: { data },
  run: ({ inputs, outDir }) => {
    const trainer = new Trainer(readFileSync(join(inputs.data.folder, 'value.txt'), 'utf8').length)
    leave(outDir, String(trainer.step(3)))
  },
})

export const report = stage('report', {
  inputs: { train },
  run: ({ inputs, outDir }) => leave(outDir, label(readFileSync(join(inputs.train.folder, 'value.txt'), 'utf8'))),
})

export const other = stage('other', { run: ({ outDir }) => writeFileSync(join(outDir, 'value.txt'), 'other') })

export const never = () => unused
`,
  'trainer.ts': `import { kdLoss } from './losses/index.js'
import { rate } from './constants.js'
import { add } from 'numbers'

/** Trains. */
export class Trainer {
  constructor(private readonly size: number) {}

  step(x: number): number {
    return add(trainStep(x), this.size)
  }

  stop(): void {}
}

const trainStep = (x: number, by = rate): number => kdLoss(x) * by
`,
  'constants.ts': 'export const rate = 2\nexport const unusedRate = 3\n',
  'losses/index.ts': "export { kdLoss } from './distillation.js'\nexport const unused = 1\n",
  'losses/distillation.ts':
    'const halved = (x: number): number => x / 2\n\nexport const kdLoss = (x: number): number => halved(x) + 1\n',
  'losses/feature.ts': 'export const kdLoss = (x: number): number => x - 1\n',
  'labels.ts': `export enum Unit {
  percent = '%',
  share = '',
}

export const label = (text: string, unit = Unit.percent): string => text + unit
`,
  'shape.ts': 'export interface Shape {\n  readonly width: number\n}\n',
  'node_modules/numbers/package.json':
    '{ "name": "numbers", "version": "1.0.0", "type": "module", "main": "index.js" }',
  'node_modules/numbers/index.js': 'export const add = (a, b) => a + b\n',
  'node_modules/numbers/index.d.ts': 'export declare const add: (a: number, b: number) => number\n',
} as const

type File = keyof typeof files

interface Edit {
  readonly what: string
  readonly file: File
  readonly from: string
  readonly to: string
  /** Stages that run; where they give the same as before, what reads them does not. */
  readonly runs: readonly string[]
  /** Stages that the edit reaches, in the plan's order; by default the last of those that run. */
  readonly reaches?: readonly string[]
  /** The symbol that explain names, with its place and what leads there; of the first stage that runs. */
  readonly says?: string
}

const edits: readonly Edit[] = [
  {
    what: 'a helper',
    file: 'losses/distillation.ts',
    from: 'x / 2',
    to: 'x / 4',
    runs: ['report', 'train'],
    says: 'halved (losses/distillation.ts:1) changed, reached through kdLoss',
  },
  {
    what: 'an imported constant',
    file: 'constants.ts',
    from: 'rate = 2',
    to: 'rate = 4',
    runs: ['report', 'train'],
    says: 'rate (constants.ts:1) changed, reached through trainStep',
  },
  {
    what: 'a re-export',
    file: 'losses/index.ts',
    from: './distillation.js',
    to: './feature.js',
    runs: ['report', 'train'],
    says: 'kdLoss (losses/index.ts:1) changed, reached through trainStep',
  },
  {
    what: 'a default parameter',
    file: 'trainer.ts',
    from: 'by = rate',
    to: 'by = rate + 1',
    runs: ['report', 'train'],
    says: 'trainStep (trainer.ts:16) changed, reached through Trainer',
  },
  {
    what: 'an enum',
    file: 'labels.ts',
    from: "percent = '%'",
    to: "percent = '%%'",
    runs: ['report'],
    says: 'label (labels.ts:6) changed, reached through run',
  },
  {
    what: 'a member of an enum that nothing uses',
    file: 'labels.ts',
    from: "share = ''",
    to: "share = '1'",
    runs: [],
  },
  {
    what: 'a type alone',
    file: 'shape.ts',
    from: 'width: number',
    to: 'width: 1',
    runs: [],
  },
  {
    what: 'a comment',
    file: 'trainer.ts',
    from: '/** Trains. */',
    to: '/**\n * Trains in steps.\n */\n// TODO',
    runs: [],
  },
  {
    what: 'a class method',
    file: 'trainer.ts',
    from: 'add(trainStep(x), this.size)',
    to: 'add(this.size, trainStep(x) + 1)',
    runs: ['report', 'train'],
    says: 'Trainer.step (trainer.ts:9) changed, reached through run',
  },
  {
    what: 'a version of a package',
    file: 'node_modules/numbers/package.json',
    from: '1.0.0',
    to: '1.1.0',
    // It computes the same; whatever stage is computed, the definition loads it.
    reaches: ['data', 'other', 'train', 'report'],
    runs: ['data', 'other', 'report', 'train'],
    says: 'package numbers 1.0.0 → 1.1.0',
  },
  {
    what: 'something that nothing reaches, in a file that all stages share',
    file: 'stages.ts',
    from: '() => unused',
    to: '() => unused + 1',
    runs: [],
  },
]

describe('explain after an edit of', () => {
  const workspace = workspaceForAll()
  const genepool = (...args: readonly string[]): Promise<Finished> => runCli(args, { cwd: workspace.path })

  const explain = async (...stage: readonly string[]): Promise<string> =>
    (await genepool('explain', 'own.ts', ...stage)).stdout

  before(async () => {
    for (const [name, text] of Object.entries(files)) workspace.write(name, text)
    expect(countsOf(await genepool('run', 'own.ts', '--json'))).to.deep.include({ ran: 4, cached: 0 })
    expect(countsOf(await genepool('run', 'own.ts', '--json'))).to.deep.include({ ran: 0, cached: 4 })
  })

  afterEach(async () => {
    for (const [name, text] of Object.entries(files)) workspace.write(name, text)
    // What changed is measured against what stood finished last.
    expect(countsOf(await genepool('run', 'own.ts', '--json')), 'taken back').to.deep.include({ ran: 0, cached: 4 })
  })

  for (const { what, file, from, to, runs, says, reaches = runs.slice(-1) } of edits) {
    it(`${what} names ${says ?? 'nothing, and nothing runs'}`, async () => {
      expect(files[file]).to.include(from)
      workspace.write(file, files[file].replace(from, to))
      const said = await explain()
      const running = [...said.matchAll(/^(\w+) {2}runs\n {2}(.*)$/gm)].map(([, stage, reason]) => [stage, reason])
      // What runs for sure is what the edit reaches; the rest waits for its result.
      expect(running).to.deep.equal(says === undefined ? [] : reaches.map((stage) => [stage, says]))
      const { events } = await genepool('run', 'own.ts', '--json')
      expect(stagesWith(events, 'stage-started')).to.deep.equal(runs)
    })
  }

  it('formats alone names nothing, and nothing runs', async () => {
    for (const name of ['own.ts', 'stages.ts', 'trainer.ts', 'labels.ts', 'losses/distillation.ts'] as const) {
      const formatted = await format(files[name], {
        parser: 'typescript',
        semi: true,
        singleQuote: false,
        printWidth: 50,
      })
      expect(formatted).not.to.equal(files[name])
      workspace.write(name, formatted)
    }
    expect(await explain()).not.to.match(/runs|may run/)
    expect(countsOf(await genepool('run', 'own.ts', '--json'))).to.deep.include({ ran: 0, cached: 4 })
  })

  it('code says the whole way, what is in the key, when it was made, and what is cut off', async () => {
    workspace.write('constants.ts', files['constants.ts'].replace('2', '8'))
    const { stdout } = await genepool('explain', 'own.ts', 'train', '--json')
    const train = JSON.parse(stdout) as PlannedStage & {
      readonly cutOff: readonly string[]
      readonly expectedMs: number
    }
    expect(train).to.deep.include({ stage: 'train', status: 'run', cutOff: ['report'] })
    expect(train.expectedMs).to.be.greaterThan(0)
    const [reason] = train.reasons as readonly Extract<Reason, { type: 'code-changed' }>[]
    expect(reason.chain).to.deep.equal(['run', 'Trainer', 'trainStep', 'rate'])
    const data = await explain('data')
    expect(data).to.match(/^data {2}cached\n {2}fingerprint [0-9a-f]{64}\n {2}made +\S+ by run \S+, in /)
    // Its run and the helper; and its definition loads a package.
    expect(data).to.match(/2 symbols in 1 file, 1 package/)
  })

  it('a stage that there is not is a wrong call', async () => {
    const { code, stderr } = await genepool('explain', 'own.ts', 'nothing')
    expect(code).to.equal(2)
    expect(stderr).to.match(/there is no stage 'nothing'/)
  })
})
