import { expect } from 'chai'
import type { TrainParams } from '../../../src/dsl/nodes.js'
import { anchor } from '../../../src/stages/anchor.js'
import { pool } from '../../../src/stages/pool.js'
import { stitch } from '../../../src/stages/stitch.js'
import { readSafetensors } from '../../../src/stages/tensors/safetensors.js'
import {
  bytesIn,
  runModelStage,
  stitchParams,
  syntheticData,
  teacherParams,
  tinyConfig,
  trainParams,
} from '../model-stage-runs.js'
import { tempFolder } from '../temp-folder.js'

describe('tuning with accumulated batches', () => {
  const folder = tempFolder()

  it('draws one descendant an update: two batches of 8 are one of 16, but for rounding', async () => {
    const data = syntheticData(folder.file('data'), 32)
    const [tiny, base] = await Promise.all(
      [8, 16].map((width) =>
        runModelStage(anchor, {
          params: teacherParams({ model: tinyConfig(width) }),
          inputs: { data },
          outDir: folder.file(`anchor ${width}`),
        }),
      ),
    )
    const students = await runModelStage(pool, {
      params: { students: ['tiny', 'base'] },
      inputs: { tiny, base },
      outDir: folder.file('pool'),
    })
    const tuned = async (name: string, train: Partial<TrainParams>): Promise<readonly number[]> => {
      // A large eps keeps the first updates from dividing rounding errors by themselves.
      const params = stitchParams({
        init: 'random',
        loss: 'none',
        train: trainParams({ epochs: 3, eps: 1e-2, ...train }),
      })
      await runModelStage(stitch, { params, inputs: { data, pool: students }, outDir: folder.file(name) })
      return Object.keys(bytesIn(folder.file(name)))
        .filter((file) => file.endsWith('.safetensors'))
        .flatMap((file) => [...readSafetensors(`${folder.file(name)}/${file}`).tensors.values()])
        .flatMap(({ data }) => [...(data as Float32Array)])
    }
    const whole = await tuned('whole', { batchSize: 16 })
    const halves = await tuned('halves', { batchSize: 8, accumulate: 2 })
    expect(halves.length).to.equal(whole.length)
    whole.forEach((value, index) => expect(halves[index]).to.be.closeTo(value, 2e-5))
    const apart = await tuned('each by itself', { batchSize: 8 })
    expect(Math.max(...apart.map((value, index) => Math.abs(value - whole[index])))).to.be.above(1e-3)
  })
})
