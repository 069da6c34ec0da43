import { expect } from 'chai'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { openPool } from '../../../src/open-pool.js'
import { exportPool } from '../../../src/stages/export/export-pool.js'
import { openStitchedPool } from '../../../src/stages/stitching/stitched-pool.js'
import { workspaceForAll } from '../../support/workspace.js'
import { artifactOf, bytesIn, syntheticData } from '../model-stage-runs.js'
import { waveImage } from '../reference-vit.js'
import { poolLogits, stitchedKinds, writeKind } from '../stitched-kinds.js'

describe('a pool that is exported in parts', () => {
  const workspace = workspaceForAll()
  const at = (name: string): string => workspace.file(name)
  const images = Float32Array.from(
    [0, 1, 2].flatMap((phase) => [...waveImage(stitchedKinds['pair'].models['tiny'], phase)]),
  )

  const write = async (kind: string, folder: string) => {
    mkdirSync(at(folder), { recursive: true })
    const { grid } = openStitchedPool(artifactOf(at(kind)))
    return exportPool(
      { model: artifactOf(at(kind)), data: syntheticData(at('data'), 4, 30) },
      {
        folder: at(folder),
        title: kind,
        models: grid.descendants.map(({ id }) => ({ id, params: 1, macs: 1, top1: 0.5 })),
        split: 'test',
        progress: () => {},
        signal: new AbortController().signal,
      },
    )
  }

  it('answers as it does whole, every descendant of every form, one image as many', async () => {
    for (const [name, kind] of Object.entries(stitchedKinds)) {
      writeKind(at(name), kind)
      // It compares what it has written with the pool; of some forms once more what comes out of the public function.
      const { models, parts } = await write(name, `${name} parts`)
      const used = models.flatMap((model) => model.parts)
      expect([...new Set(used)].sort(), name).to.deep.equal(Object.keys(parts).sort())
      expect(used.length, name).to.be.above(Object.keys(parts).length)
    }
    for (const name of ['three models', 'two heads']) {
      const wanted = await poolLogits(at(name), 3, images)
      const { grid } = openStitchedPool(artifactOf(at(name)))
      const pool = await openPool(at(`${name} parts`), { batchSize: 2 })
      for (const [place, { id }] of grid.descendants.entries()) {
        const model = await pool.select(id)
        const logits = await model.logits(images)
        wanted[place].forEach((value, i) => expect(logits[i], `${name} ${model.name}`).to.be.closeTo(value, 1e-5))
        const one = await model.logits(images.subarray(0, images.length / 3))
        one.forEach((value, i) => expect(value, `${name} ${model.name}`).to.be.closeTo(logits[i], 1e-6))
      }
      await pool.release()
    }
  })

  it('is the same bytes again', async () => {
    await write('pair', 'again')
    expect(bytesIn(at('again'))).to.deep.equal(bytesIn(at('pair parts')))
  })

  it('is switched a thousand times without loading or keeping anything', async () => {
    const pool = await openPool(at('three models parts'))
    const image = images.subarray(0, images.length / 3)
    const round = async (): Promise<void> => {
      for (const { id } of pool.models) await (await pool.select(id)).logits(image)
    }
    await round()
    // Nothing is there any more that could be loaded.
    rmSync(at('three models parts/parts'), { recursive: true })
    const before = process.memoryUsage.rss()
    for (let switches = 0; switches < 1_000; switches += pool.models.length) await round()
    expect(process.memoryUsage.rss() - before).to.be.below(32 * 2 ** 20)
    await pool.release()
  })

  it('is refused by its folder, its file or its part where it is none', async () => {
    const refused = async (folder: string, model?: string): Promise<string> => {
      try {
        const pool = await openPool(at(folder))
        await pool.select(model ?? 'tiny')
      } catch (cause) {
        return (cause as Error).message
      }
      return 'opened'
    }
    expect(await refused('nowhere')).to.match(/nowhere: holds no pool\.json, which genepool export --pool writes$/)
    expect(await refused('again', 'huge')).to.match(/there is no model 'huge'; there are 0 \(tiny\), 1 \(base\), 2/)
    const part = readdirSync(at('again/parts')).find((name) => name.startsWith('tiny.end'))!
    writeFileSync(at(`again/parts/${part}`), readFileSync(at(`again/parts/${part}`)).subarray(0, 500))
    expect(await refused('again')).to.match(/tiny\.end\.\w+\.onnx: ONNX Runtime does not take it/)
    const pool = readFileSync(at('again/pool.json'), 'utf8')
    const wrong = [
      pool.slice(0, 300),
      '[]',
      '{}',
      pool.replaceAll('"parts/', '"../parts/'),
      pool.replaceAll('.onnx', ''),
    ]
    for (const text of wrong) {
      workspace.write('again/pool.json', text)
      expect(await refused('again')).to.match(/pool\.json: (is no JSON|describes no pool that)/)
    }
  })
})
