// Question: does the method hold at the paper's own scale, with DeiT-Base as the teacher and ImageNet-1K?
// Time: weeks on one GPU by estimate; here it is only type-checked and planned.
// Needs the weights of DeiT-Base and ImageNet at 224×224 as IDX files. Recipe as published: 100 epochs of distillation,
// 50 of tuning, pools of 12 and 18 instances, the published start.
import { idx, pipeline, suite, vit } from 'genepool'

const imagenet = idx({
  trainImages: '../data/imagenet/train-images.idx',
  trainLabels: '../data/imagenet/train-labels.idx',
  testImages: '../data/imagenet/val-images.idx',
  testLabels: '../data/imagenet/val-labels.idx',
  imageSize: 224,
  channels: 3,
  numClasses: 1000,
})

export default suite('paper-imagenet', { blocks: [6, 9] }, ({ blocks, seed }) =>
  pipeline('paper-imagenet', { seed })
    .data(imagenet)
    .teacher(vit({ embedDim: 768, depth: 12, numHeads: 12, patchSize: 16 }), {
      weights: '../data/deit-base/model.safetensors',
      epochs: 0,
    })
    .distill(
      {
        tiny: { embedDim: 192, depth: blocks, numHeads: 3 },
        base: { embedDim: 768, depth: blocks, numHeads: 12, lr: blocks === 9 ? 5e-5 : 5e-4 },
      },
      {
        epochs: 100,
        batchSize: 256,
        lr: 5e-4,
        warmupEpochs: 5,
        scheduleBy: 'epoch',
        augment: true,
        labelSmoothing: 0.1,
      },
    )
    .pool()
    .stitch(
      { from: 'tiny', to: 'base', init: 'learned' },
      { epochs: 50, batchSize: 128, lr: 5e-4, warmupEpochs: 5, scheduleBy: 'epoch' },
    )
    .evaluate(),
)
