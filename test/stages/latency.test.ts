import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { latency, type DescendantLatency } from '../../src/stages/latency.js'
import { single } from '../../src/stages/single.js'
import { stitch } from '../../src/stages/stitch.js'
import { gridParams, runModelStage, stitchParams, syntheticData, tinyConfig, trainParams } from './model-stage-runs.js'
import { wavePool } from './wave-pool.js'
import { tempFolder } from './temp-folder.js'

describe('the stage latency', () => {
  const folder = tempFolder()
  const stitched = () =>
    runModelStage(stitch, {
      params: stitchParams({ init: 'random', loss: 'none', train: trainParams({ epochs: 0 }) }),
      inputs: {
        data: syntheticData(folder.file('data')),
        pool: wavePool(folder.file('pool'), { tiny: tinyConfig(8), base: tinyConfig(16) }, null),
      },
      outDir: folder.file('stitch'),
    })
  const measure = async (stitch: Parameters<typeof runModelStage>[1]['inputs'][string], batch: number) => {
    const outDir = folder.file(`latency ${batch}`)
    const params = { batch, warmup: 1, rounds: 5 }
    const { summary } = await runModelStage(latency, { params, inputs: { stitch }, outDir })
    const lines = readFileSync(`${outDir}/latency.jsonl`, 'utf8').trim().split('\n')
    return { summary, rows: lines.map((line) => JSON.parse(line) as DescendantLatency) }
  }

  it('times every descendant with one image and with many, the median between the percentiles', async () => {
    const { rows, summary } = await measure(await stitched(), 8)
    expect(rows.map(({ id }) => id)).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(rows[0].name).to.equal('tiny')
    for (const { latency: times } of rows) {
      expect(times.map(({ batch }) => batch)).to.deep.equal([1, 8])
      for (const { p10Ms, medianMs, p90Ms } of times) {
        expect(p10Ms).to.be.greaterThan(0)
        expect(medianMs).to.be.within(p10Ms, p90Ms)
      }
    }
    expect(summary).to.include({ batch: 8, warmup: 1, rounds: 5, threads: 1 })
    expect(summary['fastestMs1']).to.equal(Math.min(...rows.map((row) => row.latency[0].medianMs)))
  })

  it('measures batch 1 once where that is all that is asked for, also of a descendant trained alone', async () => {
    const alone = await runModelStage(single, {
      params: {
        names: ['tiny', 'base'],
        models: [tinyConfig(8), tinyConfig(12, 3, 3)],
        grid: gridParams(),
        descendant: 6,
        loss: 'none',
        train: trainParams({ epochs: 1 }),
        weightStarts: [
          { type: 'xavierUniform', gain: 1 },
          { type: 'xavierUniform', gain: 1 },
        ],
        seed: 5,
      },
      inputs: { data: syntheticData(folder.file('data')) },
      outDir: folder.file('single'),
    })
    const { rows } = await measure(alone, 1)
    expect(rows.map(({ id, latency: times }) => [id, times.length])).to.deep.equal([[6, 1]])
  })
})
