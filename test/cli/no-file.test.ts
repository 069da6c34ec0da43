import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { expect } from 'chai'
import type { PlannedStage } from '../../src/runtime/events.js'
import { writeSafetensors } from '../../src/stages/tensors/safetensors.js'
import { start } from '../support/child.js'
import { runCli } from '../support/cli.js'
import { workspaceForAll } from '../support/workspace.js'

const definition = `import { idx, pipeline, stage, vit } from 'genepool'
const reads = (name, text) => stage(name, { sources: { text }, run: () => {} })
const files = { trainImages: 'a', trainLabels: 'pipe', testImages: 'c', testLabels: 'd' }
export default pipeline('reads')
  .data(idx({ ...files, imageSize: 32, channels: 3, numClasses: 10 }))
  .teacher(vit({ embedDim: 12, depth: 3, numHeads: 3, patchSize: 16 }), { epochs: 1, weights: '/dev/zero' })
  .add(reads('pipe', 'pipe'), reads('linked', 'link'), reads('socket', 'socket'), reads('folder', 'folder'))
`

describe('what is no file, where a file is to be read,', () => {
  const workspace = workspaceForAll()
  const call = (...args: readonly string[]) => runCli(args, { cwd: workspace.path, timeoutMs: 20_000 })
  let server: Server
  before(async () => {
    workspace.write('reads.ts', definition)
    for (const name of ['a', 'c', 'd']) workspace.write(name, '')
    execFileSync('mkfifo', ['pipe', 'config.json'], { cwd: workspace.path })
    execFileSync('ln', ['-s', 'pipe', 'link'], { cwd: workspace.path })
    mkdirSync(workspace.file('folder'))
    server = createServer()
    await new Promise<void>((resolve) => server.listen(workspace.file('socket'), resolve))
  })
  after(() => server.close())

  it('is said in the plan, for each stage that would read it', async () => {
    const { code, stdout } = await call('plan', 'reads.ts', '--json')
    expect(code).to.equal(2)
    const planned = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Partial<PlannedStage>)
    const said = planned.flatMap(({ reasons = [] }) =>
      reasons.flatMap((reason) => (reason.type === 'source-missing' ? [reason.message] : [])),
    )
    const file = (name: string): string => workspace.file(name)
    expect(said).to.have.members([
      `idx(): trainLabels is 'pipe', but ${file('pipe')} is a named pipe, not a file`,
      '/dev/zero is a device, not a file',
      `${file('pipe')} is a named pipe, not a file`,
      `${file('link')} is a named pipe, not a file`,
      `${file('socket')} is a socket, not a file`,
      `${file('folder')} is a folder, not a file`,
    ])
  })

  it('is refused by every command that is given it, before anything has begun', async () => {
    const calls = [
      ['run', 'reads.ts', '--only', 'pipe'],
      ['run', 'pipe'],
      ['run', 'folder'],
      ['store', 'import', 'pipe'],
      ['certify', '--check', 'pipe'],
      ['lineage', '/dev/zero'],
    ]
    const refusals: Record<string, readonly [number | null, string]> = {}
    for (const args of calls) {
      const { code, stdout, stderr } = await call(...args)
      expect(stdout).to.equal('')
      refusals[args.join(' ')] = [code, stderr]
    }
    const said = (text: string) => [2, `genepool: ${text}\n`]
    expect(refusals).to.deep.include({
      'run reads.ts --only pipe': said(`stage 'pipe': ${workspace.file('pipe')} is a named pipe, not a file`),
      'run pipe': said('pipe is a named pipe, not a pipeline file'),
      'run folder': said('folder is a folder, not a pipeline file'),
      'store import pipe': said('pipe is a named pipe, not a file'),
      'certify --check pipe': said('cannot read the certificate pipe: pipe is a named pipe, not a file'),
    })
    expect(refusals['lineage /dev/zero']?.[0]).to.equal(2)
  })

  it('is refused by loadModel', async () => {
    writeSafetensors(workspace.file('weights'), { head: { shape: [1], data: new Float32Array(1) } })
    workspace.write(
      'loads.js',
      "import { loadModel } from 'genepool'\nawait loadModel('weights', { engine: 'cpu' }).catch(({ message }) => console.log(message))\n",
    )
    const { stdout } = await start(['loads.js'], { cwd: workspace.path, timeoutMs: 20_000 }).done
    expect(stdout).to.include('config.json: cannot be read')
  })
})
