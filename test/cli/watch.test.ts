import { appendFileSync, readFileSync, utimesSync } from 'node:fs'
import { expect } from 'chai'
import { pidsOf, writeStages } from '../support/watched-stages.js'
import { endWatch, noticed, startWatch, typesOf, type Watching } from '../support/watching.js'
import { workspaceForAll } from '../support/workspace.js'

describe('genepool watch', () => {
  const workspace = workspaceForAll()
  let watching: Watching
  before(() => {
    writeStages(workspace)
    watching = startWatch(workspace, 'text-only.ts')
  })
  after(() => endWatch(watching))

  it('runs at once', async () => {
    const { run } = await watching.after(0, 'run-started')
    expect(await watching.after(0, 'run-finished')).to.include({ round: 1, run, ran: 1, cached: 0 })
    await watching.after(0, 'watch-waiting')
  })

  it('says of every line of a run which run it is', () => {
    const run = watching.since(0).find(({ type }) => type === 'run-started')
    const ofRuns = watching.since(0).filter(({ type }) => !type.startsWith('watch-'))
    expect(typesOf(ofRuns)).to.include.members(['run-started', 'stage-started', 'stage-finished', 'run-finished'])
    for (const line of ofRuns) expect(line).to.include({ round: 1, run: run !== undefined && 'run' in run && run.run })
  })

  it('runs again, in a process of its own, when a file that a stage imports is saved', async () => {
    const saved = watching.now()
    workspace.write('lib/word.ts', "export const word = 'another'\n")
    expect(await watching.after(saved, 'run-finished')).to.include({ round: 2, ran: 1, cached: 0 })
    await watching.after(saved, 'watch-waiting')
    expect(noticed(watching.since(saved))).to.deep.equal([workspace.file('lib', 'word.ts')])
    const [before, after] = pidsOf(workspace, 'text')
    expect(after).to.be.a('number').and.not.equal(before)
  })

  it('runs nothing after a comment, and says so', async () => {
    const saved = watching.now()
    appendFileSync(workspace.file('lib', 'word.ts'), '// as short as can be\n')
    await watching.after(saved, 'watch-waiting')
    const types = ['watch-changed', 'watch-unchanged', 'watch-ready', 'watch-waiting']
    expect(typesOf(watching.since(saved))).to.deep.equal(types)
  })

  it('passes over a file that is touched, one that is saved as it was and one that no import reaches', async () => {
    const touched = watching.now()
    utimesSync(workspace.file('lib', 'word.ts'), new Date(), new Date())
    workspace.write('text.ts', readFileSync(workspace.file('text.ts'), 'utf8'))
    workspace.write('lib/unused.ts', "export const unused = 'still'\n")
    workspace.write('beside.ts', 'export {}\n')
    // Noticed with all that came before it, or alone.
    workspace.write('text.txt', 'another text')
    await watching.after(touched, 'watch-waiting')
    expect(noticed(watching.since(touched))).to.deep.equal([workspace.file('text.txt')])
  })

  it('takes a burst of saves as one change', async () => {
    const saved = watching.now()
    for (let save = 1; save <= 20; save++) {
      workspace.write('text.txt', `text ${save}`)
      workspace.write('lib/word.ts', `export const word = 'word ${save}'\n`)
    }
    await watching.after(saved, 'watch-waiting')
    const lines = watching.since(saved)
    expect([...noticed(lines)].sort()).to.deep.equal([workspace.file('lib', 'word.ts'), workspace.file('text.txt')])
    expect(typesOf(lines).filter((type) => type === 'run-finished')).to.have.length(1)
  })

  it('is not kept waiting by a file that is saved again and again', async () => {
    const saved = watching.now()
    let save = 0
    const saving = setInterval(() => workspace.write('text.txt', `again ${(save += 1)}`), 20)
    await watching.after(saved, 'watch-changed').finally(() => clearInterval(saving))
    await watching.after(saved, 'watch-planned')
    await watching.after(saved, 'watch-waiting')
  })

  it('prints nothing but events', async () => {
    watching.running.signalGroup('SIGINT')
    const { code, stdout, stderr, events } = await watching.running.done
    expect([code, stderr]).to.deep.equal([130, ''])
    expect(events).to.have.length(stdout.trimEnd().split('\n').length)
  })
})
