import { existsSync } from 'node:fs'
import { expect } from 'chai'
import type { Finished } from '../support/child.js'
import { runCli } from '../support/cli.js'
import { tinyPipeline } from '../support/tiny-pipeline.js'
import { workspaceForAll } from '../support/workspace.js'

const files: Readonly<Record<string, string>> = {
  'good.ts': tinyPipeline(),
  'noDefault.ts': 'export const answer = 42\n',
  'otherDefault.ts': 'export default { answer: 42 }\n',
  'syntax.ts': "import { pipeline } from 'genepool'\nexport default pipeline('x'\n  .data(\n",
  'throws.ts': "throw new Error('the file says no')\n",
  'import.ts': "import './not-there.js'\nexport default 1\n",
  'definition.ts': tinyPipeline().replace('embedDim: 6', 'embedDim: 7'),
  'commonjs/package.json': '{ "type": "commonjs" }\n',
  'commonjs/definition.ts': tinyPipeline().replace('embedDim: 6', 'embedDim: 7'),
  'hollow.ts': "export default { kind: 'pipeline', stages: [] }\n",
  'noData.ts': `import { idx, pipeline } from 'genepool'
export default pipeline('x').data(idx({ trainImages: 'a', trainLabels: 'b', testImages: 'c', testLabels: 'd' }))
`,
  'empty.ts': "import { pipeline } from 'genepool'\nexport default pipeline('empty')\n",
  'plain.js': "import { mnist, pipeline } from 'genepool'\nexport default pipeline('plain').data(mnist({ take: 1 }))\n",
}

/** Call → what its first line on stderr says. */
const wrong: readonly (readonly [call: string, says: RegExp])[] = [
  ['run commonjs/definition.ts', /distill\.small\.numHeads is 3, .*\(commonjs[/\\]definition\.ts:\d+:\d+\)/],
  ['run hollow.ts', /hollow\.ts exports no pipeline/],
  ['run good.ts --store=', /the store has an empty name/],
  ['run good.ts --nope', /--nope/],
  ['run good.ts --json --nope', /--nope/],
  ['rnu good.ts', /"rnu".*run/],
  ['run', /pipeline/],
  ['run good.ts surplus', /surplus/],
  ['run missing.ts', /there is no pipeline file missing\.ts/],
  ['run .', /^genepool: \. is a folder, not a pipeline file$/m],
  ['run noDefault.ts', /noDefault\.ts exports no pipeline: it has no default export/],
  ['run otherDefault.ts', /otherDefault\.ts exports no pipeline: its default export is some other object/],
  ['run syntax.ts', /cannot load syntax\.ts: .* \(syntax\.ts:\d+:\d+\)/],
  ['run throws.ts', /cannot load throws\.ts: the file says no \(throws\.ts:1:7\)/],
  ['run import.ts', /cannot load import\.ts: .*not-there\.js/],
  ['run definition.ts', /distill\.small\.numHeads is 3, .*\(definition\.ts:\d+:\d+\)/],
  ['run empty.ts', /pipeline 'empty' has no stages/],
  ['run noData.ts', /stage 'data': .*trainImages is 'a', but there is no file/],
  ['run good.ts --jobs 0', /--jobs is 0/],
  ['run good.ts --jobs -1', /--jobs is -1/],
  ['run good.ts --jobs many', /--jobs/],
  ['run good.ts --engine magic', /--engine.*onnxruntime/],
  ['run good.ts --device magic', /there is no device 'magic'/],
  ['run good.ts --device cuda:-1', /there is no device 'cuda:-1'/],
  ['plan good.ts --device cuda:x', /there is no device 'cuda:x'/],
  ['show good.ts teacher --device webgpu:1', /there is no device 'webgpu:1'/],
  ['run good.ts --engine cpu --device cuda', /the engine cpu does not run on cuda: it runs on cpu/],
  ['results good.ts --engine tensorflow --device webgpu', /tensorflow does not run on webgpu: it runs on cuda, cpu/],
  ['doctor --engine cpu --device webgpu', /the engine cpu does not run on webgpu/],
  ['run good.ts --reuse nothing', /--reuse.*any-engine/],
  ['run good.ts --keep-going --fail-fast', /exclude each other/],
  ['run good.ts --only nowhere', /there is no stage 'nowhere'/],
  ['plan good.ts --only nowhere', /there is no stage 'nowhere'/],
  ['show good.ts nowhere', /there is no stage 'nowhere'/],
  ['show good.ts teacher', /'teacher' has no artifact/],
  ['results good.ts', /there are no results of good\.ts/],
  ['results plain.js', /there are no results of plain\.js/],
  ['run good.ts --store good.ts', /the store .*good\.ts is a file, not a folder/],
  ['runs --store good.ts', /the store .*good\.ts is a file, not a folder/],
]

describe('a wrong call', () => {
  const workspace = workspaceForAll()
  const answers = new Map<string, Finished>()

  before(async () => {
    for (const [name, text] of Object.entries(files)) workspace.write(name, text)
    const pending = wrong.map(([call]) => call)
    const work = async (): Promise<void> => {
      for (let call = pending.pop(); call !== undefined; call = pending.pop()) {
        answers.set(call, await runCli(call.split(' '), { cwd: workspace.path }))
      }
    }
    await Promise.all([work(), work(), work()])
  })

  for (const [call, says] of wrong) {
    it(`genepool ${call} → exit code 2 and a sentence`, () => {
      const { code, stdout, stderr } = answers.get(call)!
      expect(stderr).to.match(/^genepool: /)
      expect(stderr.split('\n')[0]).to.match(says)
      expect(stderr, 'no stack trace').not.to.match(/^\s+at /m)
      expect(stderr.trim().split('\n').length, stderr).to.be.at.most(2)
      expect(stdout).to.equal('')
      expect(code).to.equal(2)
    })
  }

  it('with --verbose has the stack trace too', async () => {
    const { code, stderr } = await runCli(['run', 'throws.ts', '--verbose'], { cwd: workspace.path })
    expect(code).to.equal(2)
    expect(stderr).to.match(/^genepool: cannot load throws\.ts: the file says no .*\n[^]*^\s+at .*throws\.ts:1:7/m)
  })

  it('runs nothing', () => {
    for (const folder of ['actions', 'runs', 'staging', 'locks']) {
      expect(existsSync(workspace.file('.genepool', folder)), folder).to.be.false
    }
  })

  it('is none: --help and --version answer on stdout with exit code 0', async () => {
    const [help, version] = await Promise.all([
      runCli(['run', '--help'], { cwd: workspace.path }),
      runCli(['--version'], { cwd: workspace.path }),
    ])
    expect([help.code, version.code]).to.deep.equal([0, 0])
    expect(help.stdout).to.include('--fail-fast')
    expect(version.stdout).to.match(/\d+\.\d+\.\d+/)
    expect(help.stderr + version.stderr).to.equal('')
  })
})
