import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import type { DataParams, DataSource } from '../../src/dsl/nodes.js'
import { emoji, imageFolder, imagenet } from '../../src/index.js'
import type { StageSummary } from '../../src/runtime/stage-contract.js'
import { data, imageCounts } from '../../src/stages/data.js'
import { openDataset, type SplitName } from '../../src/stages/data/dataset.js'
import { dataSources } from '../../src/stages/sources.js'
import { checkout } from '../support/workspace.js'
import { failure } from './failure.js'
import { artifactOf } from './model-stage-runs.js'
import { failStage, runStage } from './stage-runs.js'
import { tempFolder } from './temp-folder.js'

const fixture = (name: string): string => join(checkout, 'test/fixtures/pictures', name)

interface Expected {
  readonly pictures: Readonly<Record<string, { readonly crops: readonly string[] }>>
}

const { pictures } = JSON.parse(readFileSync(fixture('expected.json'), 'utf8')) as Expected

/** The crop of 24 × 24 of a fixture, bicubic, of a share of 0.875. */
const cropOf = (name: string): Buffer => Buffer.from(pictures[name].crops[0], 'base64')

describe('a folder of pictures', () => {
  const folder = tempFolder()

  /** Copies fixtures to `place/class/name`. */
  const put = (...places: readonly (readonly [place: string, name: string])[]): void => {
    for (const [place, name] of places) {
      mkdirSync(dirname(folder.file(place)), { recursive: true })
      copyFileSync(fixture(name), folder.file(place))
    }
  }
  const given = (params: DataParams) => {
    rmSync(folder.file('out'), { recursive: true, force: true })
    mkdirSync(folder.file('out'))
    return { params, outDir: folder.file('out'), sources: { ...dataSources(params, folder.path) } }
  }
  const run = (params: DataParams): Promise<StageSummary> => runStage(data, given(params))
  const split = (name: SplitName) => {
    const { images, labels } = openDataset(artifactOf(folder.file('out'))).split(name)
    return { images: Buffer.from(images), labels: [...labels] }
  }
  const params = (options: Partial<Parameters<typeof imageFolder>[2]> = {}): DataParams =>
    imageFolder('train', 'test', { numClasses: 2, imageSize: 24, ...options }).params

  beforeEach(() => {
    put(['train/a/1.jpg', 'colour.jpg'], ['train/a/2.PNG', 'tall.png'], ['train/b/deep/3.webp', 'alpha.webp'])
    put(['test/a/1.png', 'grey16.png'], ['test/b/2.jpeg', 'cmyk.jpg'])
  })

  it('becomes evaluation crops with the classes of its folders, in the order of names', async () => {
    writeFileSync(folder.file('train/a/notes.txt'), 'no picture')
    writeFileSync(folder.file('train/.hidden.jpg'), 'no picture')
    expect(await run(params())).to.deep.equal({ train: 3, test: 2, validation: 0 })
    expect(split('train')).to.deep.equal({
      images: Buffer.concat(['colour.jpg', 'tall.png', 'alpha.webp'].map(cropOf)),
      labels: [0, 0, 1],
    })
    expect(split('test')).to.deep.equal({
      images: Buffer.concat(['grey16.png', 'cmyk.jpg'].map(cropOf)),
      labels: [0, 1],
    })
  })

  it('is counted by its names alone, before anything is decoded', async () => {
    for (const name of ['4.jpg', '5.jpg']) writeFileSync(folder.file(`train/b/${name}`), 'no picture at all')
    const { sources } = given(params({ take: 4, validation: 0.5 }))
    expect(await imageCounts(params({ take: 4, validation: 0.5 }), sources)).to.deep.equal({
      train: 2,
      validation: 2,
      test: 2,
    })
  })

  it('may give a share of each class to test on, the same for the same seed', async () => {
    for (let at = 3; at < 8; at++) put([`train/a/${at}.png`, 'small.png'], [`train/b/${at}.png`, 'colour.png'])
    const shared = (seed: number): DataParams =>
      imageFolder('train', { split: 0.33 }, { numClasses: 2, imageSize: 24, seed }).params
    expect(await run(shared(1))).to.deep.equal({ train: 9, test: 4, validation: 0 })
    expect(split('test').labels).to.deep.equal([0, 0, 1, 1])
    const tested = split('test')
    await run(shared(1))
    expect(split('test')).to.deep.equal(tested)
    const refused = imageFolder('train', { split: 0.01 }, { numClasses: 2 }).params
    expect(await failure(imageCounts(refused, dataSources(refused, folder.path)))).to.contain(
      'of the 7 pictures of a that leaves none to test on',
    )
  })

  it('may have a third folder to validate on, with the same classes', async () => {
    put(['val/a/1.png', 'tall.png'], ['val/b/1.png', 'small.png'], ['val/b/2.png', 'grey.png'])
    const declared = params({ validationFolder: 'val' })
    expect(await run(declared)).to.deep.equal({ train: 3, test: 2, validation: 3 })
    expect(split('validation')).to.deep.equal({
      images: Buffer.concat(['tall.png', 'small.png', 'grey.png'].map(cropOf)),
      labels: [0, 1, 1],
    })
    rmSync(folder.file('val/a'), { recursive: true })
    expect(await failure(imageCounts(declared, dataSources(declared, folder.path)))).to.equal(
      `${folder.file('val')}/: has no pictures of the class a of ${folder.file('train')}/`,
    )
    expect(() => dataSources(params({ validationFolder: 'none' }), folder.path)).to.throw(
      `imageFolder(): validationFolder is 'none', but there is no folder ${folder.file('none')}`,
    )
  })

  it('with pictures that cannot be read is refused with all of them at once', async () => {
    writeFileSync(folder.file('train/a/0.jpg'), '')
    writeFileSync(folder.file('train/b/4.png'), 'version https://git-lfs.github.com/spec/v1\n')
    writeFileSync(folder.file('test/a/0.png'), readFileSync(fixture('colour.png')).subarray(0, 300))
    const error = await failStage(data, given(params()))
    expect(error.message).to.contain('3 pictures cannot be read:')
    expect(error.message).to.contain(`"${folder.file('train/a/0.jpg')}": is empty`)
    expect(error.message).to.contain(`"${folder.file('train/b/4.png')}": is no JPEG, PNG, WebP or AVIF`)
    expect(error.message).to.contain(folder.file('test/a/0.png'))
    expect(error.hint).to.contain("unreadable: 'skip'")
  })

  it('leaves them out where that is asked for, and lists them in its artifact', async () => {
    writeFileSync(folder.file('train/a/0.jpg'), '')
    writeFileSync(folder.file('train/b/0.jpg'), 'text')
    expect(await run(params({ unreadable: 'skip' }))).to.deep.equal({ train: 3, test: 2, validation: 0 })
    expect(split('train').labels).to.deep.equal([0, 0, 1])
    expect(split('train').images.equals(Buffer.concat(['colour.jpg', 'tall.png', 'alpha.webp'].map(cropOf)))).to.equal(
      true,
    )
    expect(JSON.parse(readFileSync(folder.file('out/unreadable.json'), 'utf8'))).to.deep.equal([
      { file: 'a/0.jpg', fault: 'is empty' },
      { file: 'b/0.jpg', fault: 'is no JPEG, PNG, WebP or AVIF' },
    ])
    const { counts } = JSON.parse(readFileSync(folder.file('out/dataset.json'), 'utf8'))
    expect(counts).to.deep.equal({ train: 3, test: 2, validation: 0 })
  })

  it('with other classes than declared, or than the other folder has, is refused by name', async () => {
    const refused = async (declared: DataParams): Promise<string> =>
      failure(imageCounts(declared, dataSources(declared, folder.path)))
    expect(await refused(params({ numClasses: 3 }))).to.contain('has 2 classes, declared are 3')
    put(['test/c/1.png', 'small.png'])
    expect(await refused(params())).to.contain(`${folder.file('test')}/c: is no class of ${folder.file('train')}/`)
    mkdirSync(folder.file('train/empty'))
    expect(await refused(params())).to.contain('train/empty: holds no picture')
    put(['train/stray.png', 'small.png'])
    expect(await refused(params())).to.contain('train/stray.png: lies beside the folders of classes')
  })

  it('with a link in it is refused: it may lead out of the folder', async () => {
    symlinkSync(fixture('small.png'), folder.file('train/a/link.png'))
    const declared = params()
    const message = await failure(imageCounts(declared, dataSources(declared, folder.path)))
    expect(message).to.contain(`${folder.file('train/a/link.png')} is a link: write where it leads instead`)
  })

  it('is named as a folder, beside the package that decodes it', () => {
    const decoder = join(checkout, 'node_modules/sharp/package.json')
    expect(dataSources(params(), folder.path)).to.deep.equal({
      train: `${folder.file('train')}/`,
      test: `${folder.file('test')}/`,
      decoder,
    })
    const none = { ...params(), source: { ...params().source, train: 'none' } as DataSource }
    expect(() => dataSources(none, folder.path)).to.throw(
      `imageFolder(): train is 'none', but there is no folder ${folder.file('none')}`,
    )
  })

  it('of emoji has the drawings of three vendors to train on, without parts of emoji and what was not drawn', async () => {
    const drawn = (image: string, category: string, vendors: readonly string[]) => ({
      image,
      category,
      ...Object.fromEntries(vendors.map((vendor) => [`has_img_${vendor}`, true])),
    })
    const list = [
      drawn('cat.png', 'Animals & Nature', ['apple', 'google', 'twitter', 'facebook']),
      drawn('skin.png', 'Component', ['apple', 'google', 'twitter', 'facebook']),
      drawn('flag.png', 'Flags', ['google', 'facebook']),
    ]
    const names = { apple: 'colour.png', google: 'tall.png', twitter: 'alpha.png', facebook: 'small.png' }
    for (const [vendor, name] of Object.entries(names)) {
      const at = `node_modules/emoji-datasource-${vendor}`
      for (const { image } of list) put([`${at}/img/${vendor}/64/${image}`, name])
      for (const file of ['package', 'emoji']) writeFileSync(folder.file(`${at}/${file}.json`), JSON.stringify(list))
    }
    const { params: declared } = emoji({ test: 'google', imageSize: 24 })
    expect(await run(declared)).to.deep.equal({ train: 4, test: 2, validation: 0 })
    expect(split('train')).to.deep.equal({
      images: Buffer.concat(['colour.png', 'alpha.png', 'small.png', 'small.png'].map(cropOf)),
      labels: [1, 1, 1, 2],
    })
    expect(split('test').labels).to.deep.equal([1, 2])
  })

  describe('as ImageNet is unpacked', () => {
    const classes = (options: Parameters<typeof imagenet>[1] = {}): DataParams =>
      imagenet('in', { numClasses: 2, imageSize: 24, ...options }).params

    beforeEach(() => {
      put(['in/train/n02/1.JPEG', 'colour.jpg'], ['in/train/n01/1.JPEG', 'cmyk.jpg'])
    })

    it('has its validation pictures in folders', async () => {
      put(['in/val/n01/v1.JPEG', 'grey.jpg'], ['in/val/n02/v2.JPEG', 'wide.jpg'])
      expect(await run(classes())).to.deep.equal({ train: 2, test: 2, validation: 0 })
      expect(split('train')).to.deep.equal({
        images: Buffer.concat(['cmyk.jpg', 'colour.jpg'].map(cropOf)),
        labels: [0, 1],
      })
    })

    it('or in one folder with their classes in a file, a line each or by name', async () => {
      put(['in/val/v1.JPEG', 'grey.jpg'], ['in/val/v2.JPEG', 'wide.jpg'], ['in/val/v3.JPEG', 'turned.jpg'])
      const truths = [
        'n02\nn01\nn02\n',
        'ImageId,PredictionString\nv3,n02 1 2 3 4\nv1,n02 9 9 9 9\nv2,n01 1 2 3 4\n',
        'v2.JPEG\tn01\t0\nv1.JPEG\tn02\t0\nv3.JPEG\tn02\t0\n',
      ]
      for (const text of truths) {
        writeFileSync(folder.file('truth'), text)
        await run(classes({ groundTruth: 'truth' }))
        expect(split('test').labels, text).to.deep.equal([1, 0, 1])
      }
    })

    it('is refused where that file does not fit, with what is wrong', async () => {
      put(['in/val/v1.JPEG', 'grey.jpg'], ['in/val/v2.JPEG', 'wide.jpg'])
      const refused = async (text: string): Promise<string> => {
        writeFileSync(folder.file('truth'), text)
        const declared = classes({ groundTruth: 'truth' })
        return failure(imageCounts(declared, dataSources(declared, folder.path)))
      }
      expect(await refused('n01\n')).to.contain('has 1 lines for 2 pictures')
      expect(await refused('1\n2\n')).to.contain('numbers its classes in an order that only a file of MATLAB tells')
      expect(await refused('n01\nn09\n')).to.contain('v2.JPEG is of n09, and no folder of training pictures is called')
      expect(await refused('v1,n01\nv3,n02\n')).to.contain('says nothing of v2.JPEG')
      expect(readdirSync(folder.path)).to.not.contain('out')
    })
  })
})
