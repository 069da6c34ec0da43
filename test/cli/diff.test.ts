import { expect } from 'chai'
import { runCli } from '../support/cli.js'
import { workspaceForAll } from '../support/workspace.js'

const teachers = (epochs = 1): string => `import { mnist, pipeline, suite, vit } from 'genepool'
export default suite(
  'teachers',
  { lr: [0.001, 0.1], short: [false, true] },
  ({ lr, short, seed }) => {
    const data = pipeline('cell', { seed }).data(mnist({ take: 32, takeTest: 10 }))
    const model = vit({ embedDim: 6, depth: 3, numHeads: 3, patchSize: 14 })
    return short ? data : data.teacher(model, { epochs: ${epochs}, batchSize: 32, lr, warmupEpochs: 0 })
  },
)
`

type Line = Readonly<Record<string, unknown>> & { readonly type: string }

describe('genepool diff', () => {
  const workspace = workspaceForAll()
  const call = (...args: readonly string[]) => runCli(args, { cwd: workspace.path })
  const linesOf = async (a: string, b: string): Promise<readonly Line[]> => {
    const { code, stdout, stderr } = await call('diff', a, b, '--json')
    expect(code, stderr).to.equal(0)
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line)
  }
  const [slow, fast] = ['suite.ts#lr=0.001,short=false', 'suite.ts#lr=0.1,short=false']
  let run: string

  before(() => workspace.write('suite.ts', teachers()))

  it('of cells that never ran compares their parameters, and says that there are no metrics', async () => {
    const { code, stdout } = await call('diff', slow, fast)
    expect(code).to.equal(0)
    expect(stdout).to.match(/^teacher +train\.lr 0\.001 → 0\.1$/m)
    expect(stdout).to.match(/^the same: data$/m)
    expect(stdout).to.match(/^a has no artifact of teacher, so there are no metrics of it$/m)
    expect(stdout).to.match(/^b has no artifact of teacher/m)
  })

  it('of cells that ran compares metrics too', async () => {
    const ran = await call('run', 'suite.ts', '--json')
    run = String((ran.events[0] as unknown as Line)['run'])
    const lines = await linesOf(slow, fast)
    expect(lines[0]).to.deep.equal({
      type: 'diff',
      a: { target: slow, name: 'teachers#lr=0.001,short=false,seed=0' },
      b: { target: fast, name: 'teachers#lr=0.1,short=false,seed=0' },
    })
    expect(lines.filter(({ type }) => type === 'stage')).to.deep.equal([
      { type: 'stage', stage: 'data', state: 'same' },
      {
        type: 'stage',
        stage: 'teacher',
        state: 'differs',
        changes: [{ type: 'parameter-changed', parameter: 'train.lr', before: 0.001, now: 0.1 }],
      },
    ])
    const loss = lines.find(({ figure }) => figure === 'finalLoss')
    expect(loss).to.include({ type: 'figure', stage: 'teacher' })
    expect(loss!['difference']).to.equal(Number(loss!['b']) - Number(loss!['a']))
    expect(lines.filter(({ type }) => type === 'note')).to.deep.equal([])
    const { stdout } = await call('diff', slow, fast)
    expect(stdout)
      .to.match(/^stage +figure +a +b +b − a$/m)
      .and.to.match(/^\d figures are equal/m)
  })

  it('names stages that one side alone has', async () => {
    const lines = await linesOf(slow, 'suite.ts#lr=0.001,short=true')
    expect(lines).to.deep.include({ type: 'stage', stage: 'teacher', state: 'only-a' })
    expect(await linesOf('suite.ts#lr=0.001,short=true', slow)).to.deep.include({
      type: 'stage',
      stage: 'teacher',
      state: 'only-b',
    })
  })

  it('says that nothing differs where nothing does', async () => {
    const { stdout } = await call('diff', slow, slow)
    expect(stdout).to.match(/the same: data, teacher\n+nothing differs\n$/)
  })

  it('of recorded runs compares what each stage was then', async () => {
    workspace.write('suite.ts', teachers(2))
    const [alone, again] = await Promise.all([
      call('run', slow, '--json'),
      call('run', 'suite.ts#lr=0.001,short=true', '--json'),
    ])
    const ids = [alone, again].map(({ events }) => String((events[0] as unknown as Line)['run']))
    // Of the suite's run, what the cell has.
    const changes = [{ type: 'parameter-changed', parameter: 'train.epochs', before: 1, now: 2 }]
    expect((await linesOf(run, ids[0])).filter(({ type }) => type === 'stage')).to.deep.equal([
      { type: 'stage', stage: 'data', state: 'same' },
      { type: 'stage', stage: 'teacher', state: 'differs', changes },
    ])
    expect((await linesOf(run, ids[1])).filter(({ type }) => type === 'stage')).to.deep.equal([
      { type: 'stage', stage: 'data', state: 'same' },
    ])
    workspace.write('suite.ts', teachers(1))
    const before = await call('run', slow, '--json')
    const then = String((before.events[0] as unknown as Line)['run'])
    expect(await linesOf(then, ids[0])).to.deep.include({
      type: 'stage',
      stage: 'teacher',
      state: 'differs',
      changes,
    })
    // A definition beside a run: as it stands now.
    expect(await linesOf(slow, then)).to.deep.include({ type: 'stage', stage: 'teacher', state: 'same' })
  })

  it("of a suite's run beside a cell takes the cell's stages from it, whichever side it is on", async () => {
    const same = { type: 'stage', stage: 'teacher', state: 'same' }
    expect((await linesOf(run, slow))[0]).to.deep.equal({
      type: 'diff',
      a: { target: run, name: 'teachers#lr=0.001,short=false,seed=0' },
      b: { target: slow, name: 'teachers#lr=0.001,short=false,seed=0' },
    })
    expect(await linesOf(run, slow)).to.deep.include(same)
    expect(await linesOf(fast, run)).to.deep.include(same)
    expect(await linesOf(run, run)).to.deep.include({ ...same, stage: 'teacher[lr=0.1]' })
  })

  it("of a suite's run beside a cell finds its stages where the suite calls them otherwise by now", async () => {
    // `data` was there once; now it is data[short=false] and data[short=true].
    workspace.write('suite.ts', teachers().replace('take: 32', 'take: short ? 31 : 32'))
    expect(await linesOf(run, slow)).to.deep.include({ type: 'stage', stage: 'data', state: 'same' })
    workspace.write('suite.ts', teachers())
  })

  it("of a suite's run beside what is no cell of it says what to compare", async () => {
    workspace.write('other.ts', teachers().replace("'teachers'", "'others'"))
    const { code, stdout, stderr } = await call('diff', 'other.ts#lr=0.1,short=false', run)
    expect(stderr).to.match(
      /is a run of the whole suite 'teachers', of which other\.ts#lr=0\.1,short=false is no cell\n/,
    )
    expect(stderr).to.match(/compare it with a cell of that suite/)
    expect([code, stdout]).to.deep.equal([2, ''])
  })

  for (const [a, b, says] of [
    ['20200101-000000-abcdef', slow, /'20200101-000000-abcdef' is neither a file nor a run in \.genepool/],
    [slow, '../runs', /'\.\.\/runs' is neither a file nor a run/],
    [slow, 'suite.ts', /suite\.ts is a suite of 4 cells: name the one to compare/],
    [slow, 'suite.ts#lr=7', /the axis lr of suite 'teachers' has no value '7'/],
    [slow, 'suite.ts#nothing', /'nothing' names no cell of suite 'teachers'/],
  ] as const) {
    it(`${a} ${b} → exit code 2 and a sentence`, async () => {
      const { code, stdout, stderr } = await call('diff', a, b)
      expect(stderr.split('\n')[0]).to.match(says)
      expect(stderr.trim().split('\n').length, stderr).to.be.at.most(2)
      expect([code, stdout]).to.deep.equal([2, ''])
    })
  }
})
