import { writeFileSync } from 'node:fs'
import { expect } from 'chai'
import type { VitConfig } from '../../src/dsl/vit-config.js'
import { writeModel } from '../../src/stages/model/model-files.js'
import { readSafetensors, writeSafetensors } from '../../src/stages/tensors/safetensors.js'
import { countingPixels, idxBytes } from '../stages/idx-bytes.js'
import { tinyConfig } from '../stages/model-stage-runs.js'
import { waveModel } from '../stages/reference-vit.js'
import { runCli } from '../support/cli.js'
import { countsOf, eventOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

const config: VitConfig = { ...tinyConfig(4, 1, 1), imageSize: 4, patchSize: 2, channels: 1, numClasses: 10 }

const definition = (train: string): string => `import { idx, pipeline, vit } from 'genepool'

export default pipeline('small', { seed: 1 })
  .data(idx({ trainImages: 'ti', trainLabels: 'tl', testImages: 'ei', testLabels: 'el', imageSize: 4 }))
  .teacher(vit({ embedDim: 4, depth: 1, numHeads: 1, patchSize: 2 }), { batchSize: 4, ${train} })
`

describe('a model whose numbers are not finite', () => {
  const workspace = workspaceForAll()
  const genepool = (call: string) => runCli(call.split(' '), { cwd: workspace.path })

  before(() => {
    for (const [name, count] of [
      ['t', 20],
      ['e', 5],
    ] as const) {
      writeFileSync(workspace.file(`${name}i`), idxBytes([count, 4, 4], countingPixels(count, 16)))
      writeFileSync(workspace.file(`${name}l`), idxBytes([count], new Uint8Array(count)))
    }
  })

  const failure = async (file: string): Promise<string> => {
    const ran = await genepool(`run ${file} --json`)
    expect([ran.code, countsOf(ran).failed]).to.deep.equal([1, 1])
    const { code, stdout } = await genepool(`plan ${file} --json`)
    const planned = stdout.split('\n').find((line) => line.includes('"teacher"'))
    expect([code, planned]).to.deep.equal([0, planned?.replace(/"status":"\w+"/, '"status":"run"')])
    return eventOf(ran.events, 'stage-failed', 'teacher').message
  }

  it('is not finished by a run: the step, the rate and the tensor are named', async () => {
    workspace.write('fast.mjs', definition('epochs: 2, lr: 1e30'))
    expect(await failure('fast.mjs')).to.match(/step \d+.*rate|rate.*step \d+/)
  })

  for (const wrong of [NaN, Infinity]) {
    it(`is not taken from a file of weights: ${wrong}`, async () => {
      writeModel(workspace.path, config, waveModel(config), { role: 'teacher' })
      const { tensors } = readSafetensors(workspace.file('model.safetensors'))
      const { data } = tensors.get('cls_token')!
      data[0] = wrong
      writeSafetensors(workspace.file('model.safetensors'), Object.fromEntries(tensors))
      workspace.write('taken.mjs', definition("epochs: 0, weights: 'model.safetensors'"))
      expect(await failure('taken.mjs')).to.match(new RegExp(`model\\.safetensors: tensor cls_token holds ${wrong}`))
    })
  }
})
