// Question: does the whole method work on colour pictures, and on drawings by a hand that it has never seen?
// Time: half an hour on two cores that others used as well; it was not run on idle ones.
// Needs pictures that npm brings, 370 MB: npm install --no-save emoji-datasource-apple emoji-datasource-google
// emoji-datasource-twitter emoji-datasource-facebook. 5 715 drawings of three vendors to train on, 1 855 of Facebook's
// to test on, in nine categories. Photographs of your own: imageFolder('train', 'test', { numClasses: 9, … }) instead.
import { emoji, pipeline, vit } from 'genepool'

const augment = { cropScale: 0.4, randAugment: null, mixup: 0, cutmix: 0 }

export default pipeline('photographs', { seed: 7 })
  .data(emoji({ imageSize: 32, crop: 1, transparency: 'white' }))
  .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3, patchSize: 8 }), { epochs: 20, batchSize: 64, lr: 3e-3, augment })
  .distill(
    {
      tiny: { embedDim: 24, depth: 6, numHeads: 3 },
      base: { embedDim: 48, depth: 6, numHeads: 3 },
    },
    { epochs: 10, batchSize: 64, lr: 4e-3, positions: 'front+end', transforms: 'toTeacher', augment },
  )
  .pool()
  .stitch({ from: 'tiny', to: 'base', init: 'composed' }, { epochs: 8, batchSize: 64, lr: 2e-3, augment })
  .latency()
  .evaluate()
