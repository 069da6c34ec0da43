import { appendFileSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { startCli } from '../support/cli.js'
import { contentsOf, countsOf, eventsOf } from '../support/read-events.js'
import { joinStage, smallPipeline } from '../support/small-pipeline.js'
import { workspaceForEach } from '../support/workspace.js'

/** Notes each execution in the file `executed`. */
const counted = (name: string): string => `const ${name} = stage('${name}', {
  params: { as: '${name}' },
  run: async ({ params, outDir }) => {
    appendFileSync('executed', params.as + '\\n')
    await new Promise((resolve) => setTimeout(resolve, 300))
    leave(outDir, params.as)
  },
})`

describe('Two concurrent runs: one execution per fingerprint', () => {
  const workspace = workspaceForEach()
  const executed = (): readonly string[] => readFileSync(workspace.file('executed'), 'utf8').trim().split('\n').sort()

  for (const runs of [2, 4]) {
    it(`${runs} runs started at once do each stage once, and all have the same artifacts`, async () => {
      const stages = [counted('a'), counted('b'), counted('c'), joinStage('all', ['a', 'b', 'c'])].join('\n')
      workspace.write('small.mjs', `import { appendFileSync } from 'node:fs'\n${smallPipeline(stages, 'all')}`)
      appendFileSync(workspace.file('executed'), '')
      const started = Array.from({ length: runs }, () =>
        startCli(['run', 'small.mjs', '--engine', 'cpu', '--json'], { cwd: workspace.path, timeoutMs: 120_000 }),
      )
      const finished = await Promise.all(started.map(({ done }) => done))
      for (const { code, stderr } of finished) expect([code, stderr]).to.deep.equal([0, ''])
      expect(executed()).to.deep.equal(['a', 'b', 'c'])
      const counts = finished.map(countsOf)
      expect(counts.reduce((sum, { ran }) => sum + ran, 0)).to.equal(4)
      for (const { ran, cached } of counts) expect(ran + cached).to.equal(4)
      const made = finished.map(({ events }) => Object.keys(contentsOf(events)))
      expect(made.flat().sort()).to.deep.equal(['a', 'all', 'b', 'c'])
    })
  }

  it('a run that is killed leaves its stage to the one that waits for it', async () => {
    const slow = counted('a').replace(
      'setTimeout(resolve, 300)',
      'setTimeout(resolve, existsSync("again") ? 0 : 60_000)',
    )
    const head = `import { appendFileSync, existsSync } from 'node:fs'\n`
    workspace.write('small.mjs', head + smallPipeline(slow, 'a'))
    const flags = ['run', 'small.mjs', '--engine', 'cpu', '--json']
    const first = startCli(flags, { cwd: workspace.path })
    await first.waitFor((event) => event.type === 'stage-started')
    const second = startCli(flags, { cwd: workspace.path })
    await second.waitFor((event) => event.type === 'stage-waiting')
    workspace.write('again', '')
    first.signalGroup('SIGKILL')
    await first.done
    const { code, events } = await second.done
    expect(code).to.equal(0)
    expect(eventsOf(events, 'stage-finished')).to.have.length(1)
  })
})
