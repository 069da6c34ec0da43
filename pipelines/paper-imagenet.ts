// Question: does the method hold at the paper's own scale, with DeiT-Base as the teacher and ImageNet-1K?
// Time: weeks on one GPU by estimate; here it is only type-checked and planned.
// Needs ImageNet as it is unpacked (train/n01440764/… and val/n01440764/…), and DeiT-Base: genepool fetch
// hf:timm/deit_base_patch16_224.fb_in1k brings it. Recipe as published: 100 epochs of distillation, 50 of tuning, pools
// of 12 and 18 instances, the published start. Activations are recomputed: 22 GiB of a GPU's memory by estimate, where
// it would be 72.
import { imagenet, pipeline, pretrained, suite } from 'genepool'

const deitBase = pretrained('hf:timm/deit_base_patch16_224.fb_in1k', {
  embedDim: 768,
  depth: 12,
  numHeads: 12,
  patchSize: 16,
})

export default suite('paper-imagenet', { blocks: [6, 9] }, ({ blocks, seed }) =>
  pipeline('paper-imagenet', { seed })
    .data(imagenet('../data/imagenet'))
    .teacher(deitBase)
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
        checkpointBlocks: true,
      },
    )
    .pool()
    .stitch(
      { from: 'tiny', to: 'base', init: 'learned' },
      { epochs: 50, batchSize: 128, lr: 5e-4, warmupEpochs: 5, scheduleBy: 'epoch', checkpointBlocks: true },
    )
    .evaluate(),
)
