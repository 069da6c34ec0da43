import { expect } from 'chai'
import { loadModel } from '../src/load-model.js'
import { writeModel } from '../src/stages/model/model-files.js'
import { tinyConfig } from './stages/model-stage-runs.js'
import { waveImage, waveModel } from './stages/reference-vit.js'
import { workspaceForAll } from './support/workspace.js'

const config = tinyConfig(12, 2, 3)

describe('loadModel', () => {
  const workspace = workspaceForAll()
  before(() => writeModel(workspace.path, config, waveModel(config), { role: 'teacher' }))

  it('takes the fastest engine that loads, or the one that is named, and both answer alike', async () => {
    const image = waveImage(config, 1)
    const answers: Float32Array[] = []
    for (const options of [{}, { engine: 'cpu' }, { engine: 'onnxruntime', device: 'cpu', threads: 2 }] as const) {
      const model = await loadModel(workspace.path, options)
      answers.push(await model.logits(image))
      await model.release()
    }
    const [first, ...others] = answers
    expect(first).to.have.length(config.numClasses)
    for (const other of others) other.forEach((value, at) => expect(value).to.be.closeTo(first![at]!, 1e-5))
  })

  it('refuses what does not exist, in a sentence', async () => {
    const refusal = async (options: object): Promise<string> =>
      loadModel(workspace.path, options).then(
        () => expect.fail('it was accepted'),
        (error: Error) => error.message,
      )
    expect(await refusal({ engine: 'magic' })).to.match(/^there is no engine 'magic'/)
    expect(await refusal({ device: 'gpu' })).to.match(/^there is no device 'gpu'/)
    expect(await refusal({ engine: 'cpu', device: 'cuda' })).to.match(/^the engine cpu does not run on cuda/)
  })
})
