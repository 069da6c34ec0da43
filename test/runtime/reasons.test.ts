import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { planProbe, runProbe, type ProbeStages } from '../support/probe.js'
import { eventOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

const stages = (ms: number): ProbeStages => ({
  input: { kind: 'file', params: { file: 'input.txt' } },
  work: { kind: 'steps', params: { steps: 1, ms, nested: { list: [1, 2] } }, reads: { input: 'input' } },
})

describe('reasons', () => {
  const workspace = workspaceForAll()

  before(async () => {
    workspace.write('input.txt', 'before')
    expect((await runProbe(workspace, stages(1))).code).to.equal(0)
  })

  it('before anything ran every stage says so, and a plan leaves no artifact and no record', async () => {
    const plan = await planProbe(workspace, stages(1), { store: 'untouched', name: 'new' })
    expect(plan['input']).to.deep.include({ status: 'run', reasons: [{ type: 'never-ran' }] })
    expect(plan['work']?.reasons).to.deep.equal([
      { type: 'never-ran' },
      { type: 'input-pending', input: 'input', stage: 'input' },
    ])
    for (const folder of ['actions', 'blobs', 'runs', 'staging', 'checkpoints', 'locks', 'last']) {
      expect(existsSync(workspace.file('untouched', folder)), folder).to.be.false
    }
  })

  it('a changed parameter is named with its values before and now', async () => {
    const plan = await planProbe(workspace, stages(2))
    expect(plan['work']).to.deep.include({
      status: 'run',
      reasons: [{ type: 'parameter-changed', parameter: 'ms', before: 1, now: 2 }],
    })
    expect(plan['input']?.status).to.equal('cached')
  })

  it('a run gives the same reasons as the plan', async () => {
    const { events } = await runProbe(workspace, stages(3))
    expect(eventOf(events, 'stage-started', 'work').reasons).to.deep.equal([
      { type: 'parameter-changed', parameter: 'ms', before: 1, now: 3 },
    ])
    await runProbe(workspace, stages(1))
  })

  it('an engine of another version is named, and only for stages that compute with it', async () => {
    const plan = await planProbe(workspace, stages(1), { version: '2' })
    expect(plan['input']?.status).to.equal('cached')
    expect(plan['work']?.reasons).to.deep.equal([
      { type: 'engine-changed', before: 'cpu on cpu (numbers 1)', now: 'cpu on cpu (numbers 2)' },
    ])
  })

  it('a changed source is named with its path; touching it changes nothing', async () => {
    workspace.write('input.txt', 'before')
    expect((await planProbe(workspace, stages(1)))['input']?.status).to.equal('cached')
    const path = workspace.write('input.txt', 'after')
    const plan = await planProbe(workspace, stages(1))
    expect(plan['input']?.reasons).to.deep.equal([{ type: 'source-changed', source: 'file', path }])
    expect(plan['work']).to.deep.include({
      status: 'maybe',
      reasons: [{ type: 'input-pending', input: 'input', stage: 'input' }],
    })
    workspace.write('input.txt', 'before')
  })

  it('edited code is named with its symbol, and what is not reached does not count', async () => {
    const file = workspace.file('stages', 'probe-stages.js')
    const code = readFileSync(file, 'utf8')
    writeFileSync(file, `// a comment\n${code}`)
    expect((await planProbe(workspace, stages(1)))['work']?.status).to.equal('cached')
    writeFileSync(file, `${code}\nexport const more = 1\n`)
    expect((await planProbe(workspace, stages(1)))['input']?.status).to.equal('cached')
    writeFileSync(file, code.replace('length: text.length', 'length: text.length + 0'))
    const line = code.split('\n').findIndex((each) => each.startsWith('const leave')) + 1
    expect((await planProbe(workspace, stages(1)))['input']?.reasons).to.deep.equal([
      {
        type: 'code-changed',
        symbol: 'leave',
        file: 'stages/probe-stages.js',
        line,
        change: 'edited',
        through: 'file',
        chain: ['file', 'leave'],
      },
    ])
    writeFileSync(file, code)
  })

  it('an artifact that was removed is missing', async () => {
    const actions = workspace.file('store', 'actions')
    for (const folder of readdirSync(actions)) rmSync(`${actions}/${folder}`, { recursive: true })
    expect((await planProbe(workspace, stages(1)))['input']?.reasons).to.deep.equal([{ type: 'artifact-missing' }])
  })
})
