import { expect } from 'chai'
import {
  cifar10,
  cifar100,
  DefinitionError,
  idx,
  imageFolder,
  npz,
  pipeline,
  vit,
  type DataNode,
} from '../../src/index.js'

const files = { trainImages: 'a', trainLabels: 'b', testImages: 'c', testLabels: 'd' }

describe('a data set', () => {
  it('of a published form knows its images and classes', () => {
    const shapeOf = ({ params: { imageSize, channels, numClasses } }: DataNode) => [imageSize, channels, numClasses]
    expect(shapeOf(cifar10('c'))).to.deep.equal([32, 3, 10])
    expect(shapeOf(cifar100('c'))).to.deep.equal([32, 3, 100])
    expect(shapeOf(cifar100('c', { labels: 'coarse' }))).to.deep.equal([32, 3, 20])
    expect(shapeOf(npz('p.npz', { numClasses: 9 }))).to.deep.equal([28, 3, 9])
    expect(npz('p.npz', { numClasses: 9, take: 5 }).params).to.deep.include({
      source: { type: 'npz', file: 'p.npz' },
      take: 5,
    })
  })

  it('in IDX files is the same with an option of its layout left out as without such an option', () => {
    expect(idx({ ...files, transposed: false }).params).to.deep.equal(idx(files).params)
    expect(idx(files).params.source).to.not.have.property('transposed')
    expect(idx({ ...files, transposed: true }).params.source).to.have.property('transposed', true)
  })

  it('without the path of its files, or with an option that it does not have, is refused', () => {
    const refused = (make: () => unknown, sentence: string) => expect(make).to.throw(DefinitionError, sentence)
    refused(() => cifar10('' as string), 'cifar10(""): write the path of its files first')
    refused(() => npz({ numClasses: 9 } as never, {} as never), 'npz({"numClasses":9}): write the path')
    refused(() => npz('a', {} as never), 'npz.numClasses is missing')
    refused(() => cifar100('a', { label: 'fine' } as never), 'cifar100.label is not an option: did you mean labels?')
    refused(() => cifar100('a', { labels: 'finer' } as never), 'cifar100.labels is "finer": did you mean \'fine\'?')
  })

  it('that may bring validation images can be evaluated on them', () => {
    const evaluated = (data: DataNode) =>
      pipeline('p')
        .data(data)
        .teacher(vit({ embedDim: 12, depth: 3, numHeads: 3 }), { epochs: 1 })
        .distill(
          { a: { embedDim: 6, depth: 3, numHeads: 3 }, b: { embedDim: 12, depth: 3, numHeads: 3 } },
          { epochs: 1 },
        )
        .pool()
        .stitch({ from: 'a', to: 'b' }, { epochs: 1 })
        .evaluate({ split: 'validation' })
    expect(evaluated(npz('a.npz', { numClasses: 3 })).stages).to.have.length(7)
    const folders = { numClasses: 3, imageSize: 28, validationFolder: 'val' }
    expect(evaluated(imageFolder('train', 'test', folders)).stages).to.have.length(7)
    expect(() => imageFolder('train', 'test', { ...folders, validation: 0.1 })).to.throw(
      DefinitionError,
      'imageFolder.validation is 0.1, and there is validationFolder: leave one out',
    )
    expect(() => evaluated(cifar10('a'))).to.throw(DefinitionError, 'the data hold none out')
  })
})
