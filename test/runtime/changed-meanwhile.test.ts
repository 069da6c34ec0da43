import { appendFileSync, linkSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { runProbe, startProbe, type ProbeStages } from '../support/probe.js'
import { contentsOf, countsOf, eventOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

const reading = (ms: number): ProbeStages => ({ reading: { kind: 'file', params: { file: 'input.txt', ms } } })

describe('a file that changes while the stage that reads it runs', () => {
  const workspace = workspaceForAll()
  let honest: Readonly<Record<string, string>> = {}

  before(async () => {
    workspace.write('input.txt', 'first')
    honest = contentsOf((await runProbe(workspace, reading(1))).events)
  })

  it('throws the result away, with the file and what to do in the message', async () => {
    const run = startProbe(workspace, reading(300))
    await run.waitFor((event) => event.type === 'stage-started')
    workspace.write('input.txt', 'second')
    const { code, events } = await run.done
    expect(code).to.equal(1)
    const failed = eventOf(events, 'stage-failed', 'reading')
    expect(failed.message).to.match(/input\.txt changed while the stage ran/)
    expect(failed.hint).to.match(/run again/)
  })

  it('and is changed back serves no poisoned result', async () => {
    workspace.write('input.txt', 'first')
    const run = await runProbe(workspace, reading(300))
    expect(contentsOf(run.events)).to.deep.equal(honest)
  })

  it('and back, all while it runs, is found out too', async () => {
    const run = startProbe(workspace, reading(301))
    await run.waitFor((event) => event.type === 'stage-started')
    workspace.write('input.txt', 'second')
    workspace.write('input.txt', 'first')
    expect((await run.done).code).to.equal(1)
  })

  it('is none where it only gets or loses a name, as packages do that projects share', async () => {
    const run = startProbe(workspace, reading(304))
    await run.waitFor((event) => event.type === 'stage-started')
    linkSync(workspace.file('input.txt'), workspace.file('linked.txt'))
    const { code, events } = await run.done
    expect(code).to.equal(0)
    expect(contentsOf(events)).to.deep.equal(honest)
    const edited = startProbe(workspace, reading(305))
    await edited.waitFor((event) => event.type === 'stage-started')
    const { atime, mtime } = statSync(workspace.file('input.txt'))
    workspace.write('input.txt', 'FIRST')
    utimesSync(workspace.file('input.txt'), atime, mtime)
    rmSync(workspace.file('linked.txt'))
    expect((await edited.done).code).to.equal(1)
    workspace.write('input.txt', 'first')
  })

  it('counts the same when it is code', async () => {
    const code = workspace.file('stages', 'probe-stages.js')
    const text = readFileSync(code, 'utf8')
    const run = startProbe(workspace, reading(302))
    await run.waitFor((event) => event.type === 'stage-started')
    writeFileSync(code, text.replace('length: text.length', 'length: text.length + 0'))
    const { events } = await run.done
    expect(eventOf(events, 'stage-failed', 'reading').message).to.match(/probe-stages\.js changed/)
    writeFileSync(code, text)
    expect(countsOf(await runProbe(workspace, reading(1)))).to.deep.include({ ran: 0, cached: 1 })
  })

  it('is no concern where the stage does not reach what was edited', async () => {
    const code = workspace.file('stages', 'probe-stages.js')
    const text = readFileSync(code, 'utf8')
    const run = startProbe(workspace, reading(303))
    await run.waitFor((event) => event.type === 'stage-started')
    appendFileSync(code, '\nexport const more = 1\n')
    expect((await run.done).code).to.equal(0)
    writeFileSync(code, text)
  })

  it('is no concern of a stage that has loaded its code before', async () => {
    const code = workspace.file('stages', 'probe-stages.js')
    const text = readFileSync(code, 'utf8')
    const counting: ProbeStages = { counting: { kind: 'steps', params: { steps: 20, ms: 50 } } }
    const run = startProbe(workspace, counting)
    await run.waitFor((event) => event.type === 'stage-progress')
    writeFileSync(code, text.replace('length: text.length', 'length: text.length + 0'))
    expect((await run.done).code).to.equal(0)
    writeFileSync(code, text)
    expect(countsOf(await runProbe(workspace, counting))).to.deep.include({ ran: 0, cached: 1 })
  })
})
