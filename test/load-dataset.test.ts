import { symlinkSync } from 'node:fs'
import { expect } from 'chai'
import { loadDataset } from '../src/load-dataset.js'
import { runCli } from './support/cli.js'
import { workspaceForAll } from './support/workspace.js'

describe('loadDataset', () => {
  const workspace = workspaceForAll()
  const folder = (): string => workspace.file('data')

  before(async () => {
    workspace.write(
      'digits.ts',
      "import { mnist, pipeline } from 'genepool'\nexport default pipeline('digits').data(mnist({ take: 6, takeTest: 4 }))\n",
    )
    await runCli(['run', 'digits.ts', '--store', 'store'], { cwd: workspace.path })
    const { stdout } = await runCli(['show', 'digits.ts', 'data', '--store', 'store', '--json'], {
      cwd: workspace.path,
    })
    symlinkSync((JSON.parse(stdout) as { folder: string }).folder, folder())
  })

  it('reads shapes, labels, raw pixels and pixels as models read them', async () => {
    const data = await loadDataset(folder())
    expect(data).to.deep.include({ imageSize: 28, channels: 1, numClasses: 10 })
    const test = data.split('test')
    expect([data.split('train').count, test.count]).to.deep.equal([6, 4])
    expect(test.images).to.have.length(4 * 28 * 28)
    const pixels = test.pixels(1, 3)
    expect(pixels).to.have.length(2 * 28 * 28)
    pixels.forEach((value, index) => {
      const raw = test.images[28 * 28 + index]! / 255
      expect(value).to.be.closeTo((raw - data.mean[0]!) / data.std[0]!, 1e-5)
    })
    expect(test.pixels()).to.have.length(4 * 28 * 28)
    for (const label of test.labels) expect(label).to.be.within(0, 9)
  })

  it('refuses a split that is not there, and a folder that holds no data', async () => {
    const data = await loadDataset(folder())
    expect(() => data.split('validation')).to.throw(/the data has no validation split/)
    const error = await loadDataset(workspace.path).catch((cause: unknown) => cause)
    expect((error as Error).message).to.match(/the input is not a data set/)
  })
})
