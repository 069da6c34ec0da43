import { expect } from 'chai'
import type { PlannedStage } from '../../src/runtime/events.js'
import { runCli } from '../support/cli.js'
import { workspaceForAll } from '../support/workspace.js'

const definition = `import { idx, pipeline, vit } from 'genepool'
const files = { trainImages: 'a.gz', trainLabels: 'b.gz', testImages: 'c.gz', testLabels: 'd.gz' }
export default pipeline('absent')
  .data(idx({ ...files, imageSize: 32, channels: 3, numClasses: 10 }))
  .teacher(vit({ embedDim: 12, depth: 3, numHeads: 3, patchSize: 16 }), { epochs: 1 })
`

describe('a pipeline whose data are not there', () => {
  const workspace = workspaceForAll()
  const call = (...args: readonly string[]) => runCli(args, { cwd: workspace.path })

  before(() => workspace.write('absent.ts', definition))

  it('is planned with exit code 2: the stage that reads them would run, and says which file is missing', async () => {
    const { code, stdout, stderr } = await call('plan', 'absent.ts', '--json')
    expect(code).to.equal(2)
    expect(stderr).to.match(/^genepool: it cannot run: stage 'data': .*trainImages is 'a\.gz', but there is no file/)
    const [data, teacher] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as PlannedStage)
    expect(data).to.deep.include({ stage: 'data', status: 'run' })
    expect(data?.reasons[0]).to.deep.include({ type: 'source-missing', path: workspace.file('a.gz') })
    expect(teacher).to.deep.include({ stage: 'teacher', status: 'run' })
    const text = await call('plan', 'absent.ts')
    expect(text.code).to.equal(2)
    expect(text.stdout).to.match(/data +run +idx\(\): trainImages is 'a\.gz', but there is no file .*a\.gz/)
  })

  it('does not run: exit code 2 and a sentence, before anything has begun', async () => {
    const { code, stdout, stderr } = await call('run', 'absent.ts')
    expect(code).to.equal(2)
    expect(stdout).to.equal('')
    expect(stderr).to.match(/^genepool: stage 'data': .*trainImages is 'a\.gz', but there is no file/)
  })

  it('has no artifact to show', async () => {
    const { code, stderr } = await call('show', 'absent.ts', 'data')
    expect(code).to.equal(2)
    expect(stderr).to.match(/stage 'data' has no artifact as the pipeline stands: idx\(\): trainImages is 'a\.gz'/)
  })
})
