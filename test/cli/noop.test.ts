import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { start } from '../support/child.js'
import { runCli } from '../support/cli.js'
import { countsOf } from '../support/read-events.js'
import { recordRun, type RecordedRun } from '../support/recorded-run.js'
import { workspaceForAll } from '../support/workspace.js'

const filler = fileURLToPath(new URL('../support/fill-cheap-stages.js', import.meta.url))

/** Layers of a hundred stages, each of which reads ten of the layer before. */
const cheapStages = (stages: number): string => `import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, stage, type UserStage } from 'genepool'

const stages: UserStage[] = []
for (let at = 0; at < ${stages}; at++) {
  const above = Math.floor(at / 100) * 100 - 100
  const reads = above < 0 ? [] : Array.from({ length: 10 }, (_, index) => stages[above + ((at + 7 * index) % 100)]!)
  stages.push(
    stage(\`s\${at}\`, {
      inputs: Object.fromEntries(reads.map((read, index) => [\`i\${index}\`, read])),
      params: { at },
      warm: true,
      run: ({ outDir, params }) => writeFileSync(join(outDir, 'value.txt'), JSON.stringify(params)),
    }),
  )
}
export default pipeline('cheap').add(...stages)
`

describe('a run with nothing to do', () => {
  const workspace = workspaceForAll()
  const options = () => ({ cwd: workspace.path, env: { GENEPOOL_CACHE: workspace.file('cache') } })
  const call = (stages: number) => [
    'run',
    `cheap-${stages}.ts`,
    '--store',
    `store-${stages}`,
    '--engine',
    'cpu',
    '--json',
  ]
  let recorded: RecordedRun

  const fill = async (stages: number): Promise<void> => {
    workspace.write(`cheap-${stages}.ts`, cheapStages(stages))
    const filled = await start([filler, `cheap-${stages}.ts`, `store-${stages}`], { ...options(), timeoutMs: 500_000 })
      .done
    expect(filled.stderr).to.equal('')
    // What has been compiled and verified once is known from then on.
    const first = await runCli(call(stages), options())
    expect(countsOf(first), first.stderr).to.deep.equal({ ran: 0, cached: stages, failed: 0, skipped: 0 })
  }

  before(async function () {
    // Artifacts of 1 400 stages, each flushed to the disk.
    this.timeout(600_000)
    await fill(400)
    await fill(1_000)
    // An engine is tried once in surroundings that the recorder is part of.
    await recordRun(call(1_000), options())
    recorded = await recordRun(call(1_000), options())
    expect(countsOf(recorded.run)).to.deep.equal({ ran: 0, cached: 1_000, failed: 0, skipped: 0 })
  })

  it('is one process and one thread: no worker, no compiler, no loader', () => {
    expect(recorded.scripts).to.have.length(1)
  })

  it('loads the program and the recorder alone: no package, not even a second time Effect in its hundred files', () => {
    const scripts = recorded.scripts.flat()
    expect(scripts.filter((url) => url.includes('/node_modules/'))).to.deep.equal([])
    const files = scripts.filter((url) => url.startsWith('file:'))
    expect(scripts.some((url) => url.endsWith('/dist/program.cjs'))).to.equal(true)
    expect(files.length).to.be.below(40)
  })

  it('opens no blob, and each manifest once at most', () => {
    const inStore = recorded.opened.filter((file) => file.startsWith(workspace.file('store-1000') + sep))
    const manifests = inStore.filter((file) => file.includes(`${sep}actions${sep}`))
    expect(manifests.length).to.be.within(1, 1_000)
    expect(new Set(manifests).size).to.equal(manifests.length)
    expect(inStore.filter((file) => file.includes(`${sep}blobs${sep}`))).to.deep.equal([])
  })

  it('takes time in proportion to the stages', async () => {
    const cpuOf = async (args: readonly string[]): Promise<number> => {
      const times: number[] = []
      for (let round = 0; round < 3; round++) times.push((await recordRun(args, options())).cpuMs)
      return Math.min(...times)
    }
    const startUp = await cpuOf(['--version'])
    const [few, many] = [await cpuOf(call(400)), await cpuOf(call(1_000))]
    // 2.5 times the stages: less than twice 2.5 times the time. Of much fewer the start says more than they do.
    expect((many - startUp) / (few - startUp)).to.be.below(5)
  })
})
