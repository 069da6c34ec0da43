import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { idxBytes } from '../stages/idx-bytes.js'
import { runCli } from '../support/cli.js'
import { eventsOf } from '../support/read-events.js'
import { checkout, workspaceForAll } from '../support/workspace.js'

/** 20 images of 4 × 4 to learn from, 5 to be tested on. */
const definition = (train: string, data = ''): string => `import { idx, pipeline, vit } from 'genepool'

export default pipeline('small', { seed: 1 })
  .data(idx({ trainImages: 'ti', trainLabels: 'tl', testImages: 'ei', testLabels: 'el', imageSize: 4, ${data} }))
  .teacher(vit({ embedDim: 4, depth: 1, numHeads: 1, patchSize: 2 }), { ${train} })
`

describe('what is known before anything runs', () => {
  const workspace = workspaceForAll()
  const write = (name: string, bytes: Uint8Array): void => writeFileSync(workspace.file(name), bytes)
  const images = (count: number): Uint8Array => idxBytes([count, 4, 4], new Uint8Array(16 * count))
  const genepool = (call: string) => runCli(call.split(' '), { cwd: workspace.path })

  before(() => {
    write('ti', images(20))
    write('tl', idxBytes([20], new Uint8Array(20)))
    write('ei', images(5))
    write('el', idxBytes([5], new Uint8Array(5)))
  })

  /** The words in which the plan refuses it. */
  const refused = async (file: string): Promise<string> => {
    const { code, stdout, stderr } = await genepool(`plan ${file}`)
    expect([code, stdout]).to.deep.equal([2, ''])
    return stderr
  }

  it('is that a batch is larger than the data: neither a plan nor a run goes on from there', async () => {
    workspace.write('batch.mjs', definition('epochs: 1, batchSize: 1e9', 'take: 15, validation: 0.2'))
    const words = await refused('batch.mjs')
    expect(words).to.equal(
      "genepool: stage 'teacher': a batch of 1000000000 images cannot be drawn from 12 training images\n" +
        '  set batchSize to 12 or less, or take more images\n',
    )
    const { code, events, stderr } = await genepool('run batch.mjs --json')
    expect([code, events, stderr]).to.deep.equal([2, [], words])
  })

  it('is that a file of images is not what its header says', async () => {
    write('short', images(20).subarray(0, 300))
    workspace.write('short.mjs', definition('epochs: 1, batchSize: 4').replace("'ti'", "'short'"))
    expect(await refused('short.mjs')).to.match(
      /^genepool: stage 'data': .*short: is truncated: expected 336 bytes, found 300\n$/,
    )
  })

  it('is that the images fit neither an array nor the memory, with the numbers', async () => {
    // What is behind a compressed header is not read.
    const claims = (name: string, sizes: readonly number[]): void => write(name, gzipSync(idxBytes(sizes, [])))
    claims('many', [2e9, 1_000, 1_000])
    claims('many labels', [2e9])
    claims('few', [5, 1_000, 1_000])
    const large = definition('epochs: 1, batchSize: 4')
      .replace("'ti'", "'many'")
      .replace("'tl'", "'many labels'")
      .replace("'ei'", "'few'")
      .replace('imageSize: 4', 'imageSize: 1_000')
    workspace.write('large.mjs', large)
    expect(await refused('large.mjs')).to.match(
      /^genepool: stage 'data': its (train )?images take 1820 TiB \(200000000\d of 1000 × 1000 × 1\), and (an array of this Node holds 4 GiB|this machine has .* of memory)\n {2}keep /,
    )
    workspace.write('part.mjs', large.replace('imageSize: 1_000', 'imageSize: 1_000, take: 20'))
    const { code, stdout } = await genepool('plan part.mjs')
    expect([code, stdout]).to.deep.include(0)
  })

  it('is that weights are not those of the model that the definition writes, with what to write', async () => {
    const weights = JSON.stringify(join(checkout, 'test/fixtures/pretrained/timm-deit3'))
    workspace.write(
      'weights.mjs',
      definition('epochs: 1')
        .replace("'ti'", "'not there'")
        .replace('import { ', 'import { pretrained, ')
        .replace('vit({ embedDim: 4, depth: 1,', `pretrained(${weights}, { embedDim: 12, depth: 2,`),
    )
    expect(await refused('weights.mjs')).to.match(
      /^genepool: stage 'teacher': .*timm-deit3: its numHeads is 3, but the pipeline's model has 1: write \{ embedDim: 12, /,
    )
  })

  it('is that a model needs more memory than there is', async () => {
    const wide = definition('epochs: 1, batchSize: 4').replace(
      'embedDim: 4, depth: 1',
      'embedDim: 30_000, depth: 1_000',
    )
    workspace.write('wide.mjs', wide)
    expect(await refused('wide.mjs')).to.match(
      /^genepool: stage 'teacher': its training needs at least [\d.]+ TiB \(\d+ parameters .*\), and this machine has /,
    )
  })

  it('is that a running mean of the weights outlasts the training, which is warned of with what would fit', async () => {
    const suite = definition('epochs: 10, batchSize: 4, emaDecay: 0.9999')
      .replace('import { idx, pipeline', 'import { idx, pipeline, suite')
      .replace(
        "export default pipeline('small', { seed: 1 })",
        "export default suite('means', { depth: [1] }, ({ depth, seed }) => pipeline('small', { seed })",
      )
      .replace('depth: 1', 'depth')
    workspace.write('means.mjs', `${suite}, { seeds: [1, 2, 3, 4, 5] })`)
    const { stdout } = await genepool('plan means.mjs --json')
    const [warning, ...others] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly type?: string; readonly message?: string })
      .filter(({ type }) => type === 'warning')
    expect(others).to.deep.equal([])
    expect(warning.message).to.match(
      /^teacher\[seed=1\], teacher\[seed=2\], teacher\[seed=3\] and 2 more: emaDecay 0\.9999 is a mean/,
    )
    expect(warning.message).to.match(
      /the training makes 50: 100 % of its result would be the weights that it starts with; emaDecay: 0\.8 would fit$/,
    )
  })

  it('is nothing where all is well, and is said by the run too', async () => {
    workspace.write('mean.mjs', definition('epochs: 10, batchSize: 4, emaDecay: 0.98'))
    const run = await genepool('run mean.mjs --json')
    expect(run.code).to.equal(0)
    expect(eventsOf(run.events, 'warning').map(({ message }) => message)).to.deep.equal([
      'teacher: emaDecay 0.98 is a mean over about the last 50 updates, and the training makes 50: 36 % of its result ' +
        'would be the weights that it starts with; emaDecay: 0.8 would fit',
    ])
    // There is nothing to run any more, and so nothing to say.
    expect((await genepool('plan mean.mjs')).stdout).to.not.contain('warning')
    workspace.write('mean.mjs', definition('epochs: 10, batchSize: 4, emaDecay: 0.8'))
    expect((await genepool('plan mean.mjs')).stdout).to.not.contain('warning')
  })
})
