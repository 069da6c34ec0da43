import { expect } from 'chai'
import { idx, mnist, pipeline, vit, type PipelineNode, type TrainOptions, type TrainParams } from '../../src/index.js'
import { defaultPatchSize } from '../../src/dsl/vit.js'

const paramsOf = (node: PipelineNode, name: string): object => node.stages.find((stage) => stage.name === name)!.params

const taught = (train: TrainOptions = { epochs: 1 }) =>
  pipeline('defaults')
    .data(mnist())
    .teacher(vit({ embedDim: 192, depth: 6, numHeads: 3, mlpRatio: 2, layerNormEps: 1e-5 }), train)

const trainOf = (train: TrainOptions): TrainParams =>
  (paramsOf(taught(train).toNode(), 'teacher') as { readonly train: TrainParams }).train

const distilled = taught().distill(
  {
    tiny: { embedDim: 24, depth: 6, numHeads: 3, mlpRatio: 3, lr: 1e-3 },
    mid: { embedDim: 96, depth: 4, numHeads: 3, loss: 'logits' },
    base: { embedDim: 192, depth: 6, numHeads: 3, alpha: 0.3 },
  },
  { epochs: 40, batchSize: 32, softReduction: 'batchMean' },
)

describe('defaults', () => {
  it('of training are the published recipe, except for the batch', () => {
    expect(trainOf({ epochs: 100 })).to.deep.equal({
      epochs: 100,
      batchSize: 64,
      lr: 5e-4,
      minLr: 1e-5,
      warmupLr: 1e-6,
      warmupEpochs: 5,
      scheduleBy: 'step',
      schedule: 'cosine',
      scheduleEpochs: null,
      milestones: 1,
      beta1: 0.9,
      beta2: 0.999,
      eps: 1e-8,
      weightDecay: 0.05,
      undecayed: ['biases', 'norms', 'positions', 'clsToken'],
      accumulate: 1,
      checkpointBlocks: false,
      clipNorm: null,
      emaDecay: null,
      dropPath: 0,
      labelSmoothing: 0,
      augment: null,
      validate: true,
      keep: 'last',
      patience: null,
      minDelta: 0,
    })
  })

  it('of the lower rates follow a peak rate that is below them', () => {
    const { minLr, warmupLr } = trainOf({ epochs: 1, lr: 5e-7 })
    expect(minLr).to.be.closeTo(1e-8, 1e-20)
    expect(warmupLr).to.be.closeTo(1e-9, 1e-20)
    expect(trainOf({ epochs: 1, lr: 5e-5 })).to.include({ minLr: 1e-5, warmupLr: 1e-6 })
    expect(trainOf({ epochs: 1, lr: 1e-3, minLr: 0, warmupLr: 0 })).to.include({ minLr: 0, warmupLr: 0 })
  })

  it('of the warm-up are whole epochs where the rate changes once an epoch', () => {
    expect(trainOf({ epochs: 6 }).warmupEpochs).to.equal(0.3)
    expect(trainOf({ epochs: 6, scheduleBy: 'epoch' }).warmupEpochs).to.equal(0)
    expect(trainOf({ epochs: 90, scheduleBy: 'epoch' }).warmupEpochs).to.equal(5)
  })

  it('of the warm-up follow the cosine, and where a rate is constant there is none', () => {
    expect(trainOf({ epochs: 6, scheduleEpochs: 40 })).to.include({ warmupEpochs: 2, scheduleEpochs: 40 })
    expect(trainOf({ epochs: 6, scheduleEpochs: null })).to.deep.equal(trainOf({ epochs: 6 }))
    expect(trainOf({ epochs: 40, schedule: 'constant' })).to.include({ warmupEpochs: 0, schedule: 'constant' })
    expect(trainOf({ epochs: 40, schedule: 'constant', warmupEpochs: 3, milestones: 0 })).to.include({
      warmupEpochs: 3,
      milestones: 0,
    })
  })

  it('of a training that can go on do not follow its end', () => {
    for (const schedule of [{ scheduleEpochs: 90 }, { schedule: 'constant' }] as const) {
      for (const scheduleBy of ['step', 'epoch'] as const) {
        const { epochs, ...train } = trainOf({ epochs: 7, scheduleBy, ...schedule })
        expect({ ...train, epochs: 80 }).to.deep.equal(trainOf({ epochs: 80, scheduleBy, ...schedule }))
        expect(epochs).to.equal(7)
      }
    }
  })

  it('of a student are its teacher’s, those of all students, then its own', () => {
    const node = distilled.toNode()
    const tiny = paramsOf(node, 'distill/tiny') as { readonly model: object; readonly train: object }
    expect(tiny.model).to.deep.equal({
      imageSize: 28,
      patchSize: 7,
      channels: 1,
      numClasses: 10,
      embedDim: 24,
      depth: 6,
      numHeads: 3,
      mlpRatio: 3,
      layerNormEps: 1e-5,
    })
    expect(tiny.train).to.include({ epochs: 40, batchSize: 32, lr: 1e-3, warmupEpochs: 2 })
    expect(paramsOf(node, 'distill/base')).to.have.nested.include({ 'model.mlpRatio': 2, 'train.lr': 5e-4 })
  })

  it('of distillation depend on the loss, and of positions on who is narrowest', () => {
    const node = distilled.toNode()
    const shared = { temperature: 1, softReduction: 'batchMean', trainTransforms: true }
    expect(paramsOf(node, 'distill/tiny')).to.include({ ...shared, loss: 'all', alpha: 0.1, positions: 'front+end' })
    expect(paramsOf(node, 'distill/mid')).to.include({ ...shared, loss: 'logits', alpha: 0.5, positions: 'end' })
    expect(paramsOf(node, 'distill/base')).to.include({ ...shared, loss: 'all', alpha: 0.3, positions: 'end' })
  })

  it('of the weights’ start change at the paper’s smallest width', () => {
    const node = distilled.toNode()
    const paper = { type: 'truncatedNormal', std: 0.02 }
    const small = { type: 'xavierUniform', gain: 1 }
    const starts = ['teacher', 'distill/tiny', 'distill/mid', 'distill/base'].map((name) => paramsOf(node, name))
    expect(starts.map((params) => 'weightStart' in params && params.weightStart)).to.deep.equal([
      paper,
      small,
      small,
      paper,
    ])
  })

  it('of stitching and evaluation are the method’s', () => {
    const node = distilled.pool().stitch({ from: 'tiny', to: 'base' }, { epochs: 0 }).evaluate()
    const { train, ...stitch } = paramsOf(node, 'stitch') as { readonly train: TrainParams }
    expect(stitch).to.deep.equal({
      models: ['tiny', 'base'],
      grid: { pairs: [[0, 1]], triples: false, twoWay: false, kernel: 2, stride: 1, finalNorm: 'all' },
      init: 'learned',
      matrices: 'mean',
      inverse: 'transpose',
      samples: 100,
      loss: 'soft',
      tuned: 'all',
      sampling: 'uniform',
      macsGroups: 1,
      seed: 0,
    })
    expect(train).to.include({ epochs: 0, batchSize: 128, warmupEpochs: 0 })
    expect(paramsOf(node, 'evaluate')).to.deep.equal({ split: 'test' })
  })

  it('of data keep every image', () => {
    const all = { take: null, takeTest: null, validation: 0, seed: 0 }
    const digits = { imageSize: 28, channels: 1, numClasses: 10 }
    expect(mnist().params).to.deep.equal({ source: { type: 'mnist' }, ...digits, ...all })
    const files = { trainImages: 'a', trainLabels: 'b', testImages: 'c', testLabels: 'd' }
    expect(idx(files).params).to.deep.equal({ source: { type: 'idx', ...files }, ...digits, ...all })
    expect(idx({ ...files, imageSize: 32, channels: 3, numClasses: 26, take: 5, seed: 2 }).params).to.deep.include({
      imageSize: 32,
      channels: 3,
      numClasses: 26,
      take: 5,
      seed: 2,
    })
  })

  it('of patches leave four or more a side', () => {
    const sizes = [224, 28, 32, 64, 30, 29, 3]
    expect(sizes.map(defaultPatchSize)).to.deep.equal([16, 7, 8, 16, 6, 1, 1])
  })

  it('make no difference between 0 and −0', () => {
    expect(Object.is(mnist({ seed: -0 }).params.seed, 0)).to.equal(true)
  })
})
