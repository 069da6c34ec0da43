import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { expect } from 'chai'
import { endsWithin, pause } from '../support/child.js'
import { runCli, startCli } from '../support/cli.js'
import { pidsOf, writeStages } from '../support/watched-stages.js'
import { processesOf, watchedWorkspaceForEach, type Watching } from '../support/watching.js'
import { workspaceForEach } from '../support/workspace.js'

/** Far more than it takes: how long is said where it matters. */
const patienceMs = 10_000

describe('the end of genepool watch', () => {
  const { workspace, watch } = watchedWorkspaceForEach()
  beforeEach(() => writeStages(workspace))

  const watchSlow = async (): Promise<Watching> => {
    const watching = watch('slow-only.ts')
    await watching.after(0, 'stage-progress', ({ step }) => step >= 3)
    await watching.after(0, 'watch-ready')
    return watching
  }
  const checkpoints = (): number => readdirSync(workspace.file('.genepool', 'checkpoints')).length
  const leftOf = async (watching: Watching): Promise<readonly number[]> => {
    const { pid } = watching.running
    const left: number[] = []
    for (const each of processesOf(pid)) if (!(await endsWithin(each, patienceMs))) left.push(each)
    return left
  }

  it('by Ctrl-C comes within a second, with exit code 130 and a checkpoint, and leaves no process', async () => {
    const watching = await watchSlow()
    expect(processesOf(watching.running.pid), 'watch, run, worker').to.have.property('length').that.is.at.least(3)
    const asked = performance.now()
    watching.running.signalGroup('SIGINT')
    const { code, stderr } = await watching.running.done
    expect(performance.now() - asked).to.be.below(1_000)
    expect([code, stderr]).to.deep.equal([130, ''])
    expect(processesOf(watching.running.pid)).to.deep.equal([])
    expect(checkpoints()).to.equal(1)
    expect(await watching.after(0, 'run-finished')).to.include({ interrupted: true })
  })

  it('by SIGTERM to the process that watches alone is the same', async () => {
    const watching = await watchSlow()
    watching.running.signal('SIGTERM')
    expect((await watching.running.done).code).to.equal(130)
    expect(processesOf(watching.running.pid)).to.deep.equal([])
    expect(checkpoints()).to.equal(1)
  })

  const saves: Readonly<Record<string, { says: string; saving: string }>> = {
    'has said how much it saves': {
      says: 'savesWhenInterrupted(200 * 2 ** 20)',
      saving: "await setTimeout(3_500)\n    writeFileSync(join(checkpointDir, 'state'), 'whole')",
    },
    'is seen to save': {
      says: '',
      saving: `const file = join(checkpointDir, 'state.tmp')
    for (let part = 0; part < 35; part++) {
      appendFileSync(file, 'part')
      await setTimeout(100)
    }
    renameSync(file, join(checkpointDir, 'state'))`,
    },
  }
  for (const [what, { says, saving }] of Object.entries(saves))
    it(`by Ctrl-C waits for a stage that ${what}`, async () => {
      const large = `import { setTimeout } from 'node:timers/promises'
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, stage } from 'genepool'
const large = stage('large', {
  run: async ({ checkpointDir, progress, savesWhenInterrupted, signal, warn }) => {
    ${says}
    warn('this takes a while')
    for (let step = 1; !signal.aborted; step++) {
      progress({ phase: 'count', step, steps: 1_000 })
      await setTimeout(20)
    }
    ${saving}
  },
})
export default pipeline('large').add(large)
`
      workspace.write('large.ts', large)
      const watching = watch('large.ts')
      const { message } = await watching.after(0, 'warning')
      expect(message).to.include('this takes a while')
      await watching.after(0, 'stage-progress')
      await watching.after(0, 'watch-ready')
      watching.running.signalGroup('SIGINT')
      expect((await watching.running.done).code).to.equal(130)
      expect((await watching.after(0, 'stage-saving')).bytes).to.be.above(0)
      const [fingerprint] = readdirSync(workspace.file('.genepool', 'checkpoints'))
      expect(readdirSync(workspace.file('.genepool', 'checkpoints', fingerprint))).to.deep.equal(['state'])
    })

  it('by a second Ctrl-C waits for nothing', async () => {
    const stubborn = `import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, stage } from 'genepool'
const never = stage('never', {
  run: ({ progress }) => {
    progress({ phase: 'stay', step: 1, steps: 2 })
    for (;;) {}
  },
})
export default pipeline('never').add(never)
`
    workspace.write('never.ts', stubborn)
    const watching = watch('never.ts')
    await watching.after(0, 'stage-started')
    await watching.after(0, 'watch-ready')
    watching.running.signalGroup('SIGINT')
    watching.running.signalGroup('SIGINT')
    expect((await watching.running.done).code).to.equal(130)
    expect(await leftOf(watching)).to.deep.equal([])
  })

  it('by kill -9 of the process that watches ends its run and the workers, which save their checkpoints', async () => {
    const watching = await watchSlow()
    watching.running.signal('SIGKILL')
    await watching.running.done
    expect(await leftOf(watching)).to.deep.equal([])
    expect(pidsOf(workspace, 'slow')).to.have.length(1)
    expect(checkpoints()).to.equal(1)
  })

  it('by Ctrl-C comes while a definition is loaded that never comes to its end, and an edit puts it right', async () => {
    const watching = watch('text-only.ts')
    await watching.after(0, 'watch-waiting')
    const good = readFileSync(workspace.file('text-only.ts'), 'utf8')
    const looping = `${good}import { writeFileSync } from 'node:fs'\nwriteFileSync('loops', '')\nfor (;;) {}\n`
    const loop = async (): Promise<void> => {
      rmSync(workspace.file('loops'), { force: true })
      workspace.write('text-only.ts', looping)
      while (!existsSync(workspace.file('loops'))) await pause(20)
    }
    await loop()
    const { message } = await watching.after(0, 'warning')
    expect(message).to.match(/^text-only\.ts still loads after 3\.0 s; it is given up once it is edited/)
    const saved = watching.now()
    workspace.write('text-only.ts', good)
    await watching.after(saved, 'watch-unchanged')
    await watching.after(saved, 'watch-waiting')
    await loop()
    const asked = performance.now()
    watching.running.signalGroup('SIGINT')
    expect((await watching.running.done).code).to.equal(130)
    expect(performance.now() - asked).to.be.below(2_000)
    expect(await leftOf(watching)).to.deep.equal([])
  })

  it('comes at once where there is nothing to watch', async () => {
    const missing = await runCli(['watch', 'none.ts'], { cwd: workspace.path })
    expect(missing.code).to.equal(2)
    expect(missing.stderr).to.match(/^genepool: there is no pipeline file none\.ts$/m)
    workspace.write('file', '')
    const store = await runCli(['watch', 'slow-only.ts', '--store', 'file'], { cwd: workspace.path })
    expect(store.code).to.equal(2)
    const jobs = await runCli(['watch', 'slow-only.ts', '--jobs', '0'], { cwd: workspace.path })
    expect(jobs.code).to.equal(2)
    expect(existsSync(workspace.file('.genepool'))).to.be.false
  })
})

describe('genepool watch on paper', () => {
  const workspace = workspaceForEach()

  it('shows what changed, what that means and what became of it', async () => {
    writeStages(workspace)
    const running = startCli(['watch', 'text-only.ts'], { cwd: workspace.path })
    await running.waitForText(/waiting for changes/)
    workspace.write('text.txt', 'another text')
    await running.waitForText(/waiting for changes[^]*waiting for changes/)
    running.signalGroup('SIGINT')
    const { stdout, code } = await running.done
    expect(code).to.equal(130)
    expect(stdout)
      .to.match(/^run 1: 0 cached, 1 to run: text \(has no result yet\)$/m)
      .and.match(/^── \d\d:\d\d:\d\d {2}text\.txt changed ─+$/m)
      .and.match(/^run 2: 0 cached, 1 to run: text \(.*text\.txt changed\)$/m)
      .and.match(/^waiting for changes of \d+ files; Ctrl-C ends$/m)
  })
})
