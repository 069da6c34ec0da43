import { existsSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { pause } from '../support/child.js'
import { runCli, startCli } from '../support/cli.js'
import { countsOf, eventOf } from '../support/read-events.js'
import { joinStage, smallPipeline } from '../support/small-pipeline.js'
import { hitsOf } from '../support/stored-artifacts.js'
import { workspaceForEach } from '../support/workspace.js'

/** Reads its file once `go` is there, saves what it read as a checkpoint and waits for `on` before it leaves it. */
const slowCopy = `const slow = stage('slow', {
  sources: { file: 'in.txt' },
  run: async ({ sources, outDir, checkpointDir, signal, progress }) => {
    const kept = join(checkpointDir, 'kept')
    const wait = async (file) => {
      while (!existsSync(file) && !signal.aborted) {
        progress({ phase: 'wait', step: 1, steps: 2 })
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    if (!existsSync(kept)) {
      writeFileSync('started', '')
      await wait('go')
      writeFileSync(kept, readFileSync(sources.file, 'utf8'))
      writeFileSync('kept', '')
      await wait('on')
    }
    if (signal.aborted) throw new Error('stopped')
    leave(outDir, readFileSync(kept, 'utf8'))
  },
})`

describe('Edit an input mid-run, revert it: the poisoned result is never served', () => {
  const workspace = workspaceForEach()
  const flags = ['run', 'small.mjs', '--engine', 'cpu', '--json']
  const run = () => runCli(flags, { cwd: workspace.path })
  const start = () => startCli(flags, { cwd: workspace.path })
  const appears = async (file: string): Promise<void> => {
    while (!existsSync(workspace.file(file))) await pause(20)
  }
  const values = (): readonly string[] => [...hitsOf(workspace.file('.genepool')).values()]
  /** The true contents, with the very times and the very inode that they had: only the ctime tells. */
  const edits: Readonly<Record<string, { edit: () => void; revert: () => void }>> = {
    'written over and written back': {
      edit: () => workspace.write('in.txt', 'poison'),
      revert: () => workspace.write('in.txt', 'honest'),
    },
    'moved away and moved back': {
      edit: () => {
        renameSync(workspace.file('in.txt'), workspace.file('away.txt'))
        workspace.write('in.txt', 'poison')
      },
      revert: () => renameSync(workspace.file('away.txt'), workspace.file('in.txt')),
    },
    'changed in place, its times put back': {
      edit: () => writeFileSync(workspace.file('in.txt'), 'poison'),
      revert: () => {
        writeFileSync(workspace.file('in.txt'), 'honest')
        const past = new Date(1_700_000_000_000)
        utimesSync(workspace.file('in.txt'), past, past)
      },
    },
  }

  beforeEach(() => {
    workspace.write('small.mjs', `import { existsSync } from 'node:fs'\n${smallPipeline(slowCopy, 'slow')}`)
    workspace.write('in.txt', 'honest')
    const past = new Date(1_700_000_000_000)
    utimesSync(workspace.file('in.txt'), past, past)
  })

  /** Makes the stage read the poison, and puts the truth back. */
  const poison = async (how: { edit: () => void; revert: () => void }): Promise<void> => {
    await appears('started')
    how.edit()
    workspace.write('go', '')
    await appears('kept')
    how.revert()
  }

  for (const [what, how] of Object.entries(edits)) {
    it(`${what}: the result is thrown away, and what the next run serves is true`, async () => {
      const poisoned = start()
      await poison(how)
      workspace.write('on', '')
      const { code, events } = await poisoned.done
      expect(code).to.equal(1)
      expect(eventOf(events, 'stage-failed', 'slow').message).to.match(/in\.txt changed while the stage ran/)
      expect(values()).to.deep.equal([])
      expect(countsOf(await run())).to.deep.include({ ran: 1, failed: 0 })
      expect(values()).to.deep.equal(['honest'])
    })
  }

  it('and the run is interrupted then: its checkpoint is not gone on from', async () => {
    const poisoned = start()
    await poison(edits['written over and written back']!)
    // Before it looks at the file again.
    poisoned.signalGroup('SIGINT')
    expect((await poisoned.done).code).not.to.equal(0)
    workspace.write('on', '')
    const { events } = await run()
    expect(eventOf(events, 'stage-started', 'slow').resumes).to.equal(false)
    expect(values()).to.deep.equal(['honest'])
  })

  it('and the run is killed then: its checkpoint is not gone on from', async () => {
    const poisoned = start()
    await poison(edits['moved away and moved back']!)
    poisoned.signalGroup('SIGKILL')
    await poisoned.done
    workspace.write('on', '')
    const { events } = await run()
    expect(eventOf(events, 'stage-started', 'slow').resumes).to.equal(false)
    expect(values()).to.deep.equal(['honest'])
  })

  it('but the checkpoint of a run that was killed while nobody touched anything is gone on from', async () => {
    const killed = start()
    workspace.write('go', '')
    await appears('kept')
    killed.signalGroup('SIGKILL')
    await killed.done
    const { events } = await run()
    expect(eventOf(events, 'stage-started', 'slow').resumes).to.equal(true)
    expect(values()).to.deep.equal(['honest'])
  })

  it('costs no more than seconds: the stage is stopped, not let to its end', async () => {
    const poisoned = start()
    await poison(edits['written over and written back']!)
    // `on` never comes.
    const { code, events } = await poisoned.done
    expect(code).to.equal(1)
    expect(eventOf(events, 'stage-failed', 'slow').message).to.match(/in\.txt changed while the stage ran/)
  })

  it('edited before its stage starts, in a run that has begun: the stage does not start', async () => {
    const waiting = slowCopy.replace("stage('slow', {", "stage('slow', { inputs: { first },")
    const first = `const first = stage('first', { run: async ({ outDir }) => {
      writeFileSync('begun', '')
      while (!existsSync('continue')) await new Promise((resolve) => setTimeout(resolve, 20))
      leave(outDir, 'first')
    } })`
    workspace.write(
      'small.mjs',
      `import { existsSync } from 'node:fs'\n${smallPipeline(`${first}\n${waiting}`, 'slow')}`,
    )
    const begun = start()
    await appears('begun')
    workspace.write('in.txt', 'another')
    workspace.write('continue', '')
    const { events } = await begun.done
    expect(eventOf(events, 'stage-failed', 'slow').message).to.match(/in\.txt has changed since this run began/)
    expect(existsSync(workspace.file('started'))).to.equal(false)
  })

  it('a stored input that its reader writes to poisons nothing: thrown away, quarantined, made again', async () => {
    const a = `const a = stage('a', { run: ({ outDir }) => leave(outDir, 'honest') })`
    const rude = `const rude = stage('rude', { params: { as: 'rude' }, inputs: { a }, run: ({ inputs, outDir }) => {
      const file = inputs.a.files['value.txt']
      if (!existsSync('rude')) {
        writeFileSync('rude', '')
        chmodSync(file, 0o644)
        writeFileSync(file, 'poison')
      }
      leave(outDir, 'rude(' + read(inputs.a) + ')')
    } })`
    const stages = `${a}\n${rude}\n${joinStage('other', ['a'])}`
    const head = `import { chmodSync, existsSync } from 'node:fs'\n`
    workspace.write('small.mjs', head + smallPipeline(stages, 'rude, other'))
    const { code, events } = await run()
    expect(code).to.equal(0)
    expect(events.some((event) => event.type === 'warning' && /artifact of a is damaged/.test(event.message))).to.equal(
      true,
    )
    expect([...values()].sort()).to.deep.equal(['honest', 'other(honest)', 'rude(honest)'])
    expect(countsOf(await run())).to.deep.equal({ ran: 0, cached: 3, failed: 0, skipped: 0 })
  })

  it('a stage that writes to its input whenever it runs fails with a sentence that says so', async () => {
    const a = `const a = stage('a', { run: ({ outDir }) => leave(outDir, 'honest') })`
    const rude = `const rude = stage('rude', { params: { as: 'rude' }, inputs: { a }, run: ({ inputs, outDir }) => {
      const file = inputs.a.files['value.txt']
      chmodSync(file, 0o644)
      writeFileSync(file, 'poison')
      leave(outDir, 'never')
    } })`
    workspace.write('small.mjs', `import { chmodSync } from 'node:fs'\n${smallPipeline(`${a}\n${rude}`, 'rude')}`)
    const { code, events } = await run()
    expect(code).to.equal(1)
    expect(eventOf(events, 'stage-failed', 'rude').hint).to.match(/whether rude writes to the files that it reads/)
    expect(values()).not.to.include('never')
  })
})
