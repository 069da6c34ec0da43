/**
 * Every option of a definition, each said once: its name, its sentence, what may be written, its default. All the rest
 * follows from here (options.ts). `npm run docs:options` writes the `@default` of the comments and the tables of
 * docs/options.md.
 */
import { durationWords, type Duration } from './amounts.js'
import {
  BELOW_ONE,
  COUNT,
  COUNT_OR_ZERO,
  FRACTION,
  NOT_NEGATIVE,
  POSITIVE,
  type NumberRule,
  type OptionReader,
} from './option-reader.js'
import { depends, namesOf, option, readOptions, type Options, type Params } from './options.js'
import type { WeightStart } from './vit-config.js'

/** `pipeline(name, { … })`. */
export const PIPELINE_OPTIONS = {
  /** Every random draw of training and stitching comes from it; the data have their own. @default 0 */
  seed: option.number(COUNT_OR_ZERO, 0),
  /**
   * How long a stage may compute: of all stages, or by a stage's name or kind. At its limit it is interrupted and
   * fails; the next run goes on from its checkpoint. In no fingerprint (docs/failures-and-resources.md).
   * @default none but --stage-timeout
   */
  timeout: option.own<Duration | { readonly [stage: string]: Duration }>(
    `${durationWords}; \`{ teacher: '6h', 'distill/tiny': '1h' }\``,
    'none but `--stage-timeout`',
  ),
}

/** What a stage can use that its result may not depend on: of none of it anything could be written down. */
export const ESCAPES = ['addon', 'child_process', 'clock', 'network', 'randomness', 'vm', 'worker_threads'] as const
export type Escape = (typeof ESCAPES)[number]

/** `stage(name, { … })`. Its types are those of the call. */
export const STAGE_OPTIONS = {
  /** What it reads; `run` gets `folder`, `files` and `summary` of each by its name. @default none */
  inputs: option.own<object>(
    "name → a stage of the pipeline, wherever it stands in it (`'teacher'`), or a `stage(…)`",
    'none',
  ),
  /** JSON data that `run` is given; part of the stage's identity. @default none */
  params: option.own<object>('an object', 'none'),
  /** Files from outside, whose bytes are part of the identity. @default none */
  sources: option.own<object>("role → path; relative ones start at the pipeline file's folder", 'none'),
  /**
   * Whether `run` computes with an engine (`loadModel(folder, { ...engine, threads })`): engine and versions count
   * then.
   * @default false
   */
  usesEngine: option.boolean(false),
  /**
   * Whether its process may go on to other such stages of the file: thousands of cheap ones are affordable then, but
   * what one of them leaves in the process the next one finds.
   * @default false
   */
  warm: option.boolean(false),
  /**
   * What it vouches for: that its result does not depend on what it finds there. A stage that asks the clock, draws
   * numbers of its own or starts a program is computed every time otherwise.
   * @default none
   */
  trusts: option.own<readonly Escape[]>(`a list of ${ESCAPES.map((each) => `\`'${each}'\``).join(', ')}`, 'none'),
  /**
   * Leaves files in `outDir`, returns figures, or both. Its code counts: edit what it reaches and it runs again. It
   * must use nothing but what it is given and what its module imports or declares: no variable of a function around it.
   */
  run: option.ownNeeded<object>('a function'),
}

const SHARE_OR_COUNT: NumberRule = {
  test: (value) => value >= 0 && (value < 1 || Number.isSafeInteger(value)),
  words: 'a number from 0 to below 1, or a whole number of images',
}

/** Which images of a data set are used. */
export const SUBSET_OPTIONS = {
  /** Number of training images kept, drawn without replacement. @default all images */
  take: option.numberOrNull(COUNT, 'all images'),
  /** Number of test images kept, drawn without replacement. @default all images */
  takeTest: option.numberOrNull(COUNT, 'all images'),
  /**
   * Kept training images that are held out as the split `validation`, by which a training is scored after every epoch:
   * a share of them, or from 1 on their number.
   * @default 0
   */
  validation: option.number(SHARE_OR_COUNT, 0),
  /** Seed of these draws. @default 0 */
  seed: option.number(COUNT_OR_ZERO, 0),
}

const idxFile = option.text('path of an IDX file, plain or gzip')

/** `idx({ … })`. */
export const IDX_OPTIONS = {
  /** Training images; relative paths start at the pipeline file's folder. */
  trainImages: idxFile,
  /** Their labels. */
  trainLabels: idxFile,
  /** Test images. */
  testImages: idxFile,
  /** Their labels. */
  testLabels: idxFile,
  /** Pixels a side; images are square. @default 28 */
  imageSize: option.number(COUNT, 28),
  /** Values of a pixel. @default 1 */
  channels: option.number(COUNT, 1),
  /** Labels are 0 … numClasses − 1. @default 10 */
  numClasses: option.number(COUNT, 10),
  /** Whether images are stored column by column, as EMNIST's are. @default false */
  transposed: option.boolean(false),
}

/** `cifar100(folder, { … })`. */
export const CIFAR100_OPTIONS = {
  /** Which labels are the classes: 100 fine ones, or the 20 coarse ones above them. @default 'fine' */
  labels: option.choice(['fine', 'coarse'], 'fine'),
}

/** `npz(file, { … })`: what the arrays hold. */
export const NPZ_OPTIONS = {
  /** Labels are 0 … numClasses − 1. */
  numClasses: option.number(COUNT),
  /** Pixels a side; images are square. @default 28 */
  imageSize: option.number(COUNT, 28),
  /** Values of a pixel. @default 3 */
  channels: option.number(COUNT, 3),
}

const ABOVE_ZERO_TO_ONE: NumberRule = {
  test: (value) => value > 0 && value <= 1,
  words: 'a number above 0, 1 at most',
}

/** `imageFolder(…)`, `imagenet(…)` and `emoji(…)`: what is made of pictures of any size. */
export const PICTURE_OPTIONS = {
  /** Pixels a side of what models see. @default 224 */
  imageSize: option.number(COUNT, 224),
  /**
   * Share of the resized picture that is kept: the shorter side becomes `imageSize / crop`, the middle is cut out.
   * @default 0.875
   */
  crop: option.number(ABOVE_ZERO_TO_ONE, 0.875),
  /** What pictures are resized with, by Pillow's rules. @default 'bicubic' */
  interpolation: option.choice(['bicubic', 'bilinear', 'lanczos'], 'bicubic'),
  /** Whether pictures are turned as an EXIF tag says; timm and torchvision ignore it. @default 'ignored' */
  orientation: option.choice(['ignored', 'applied'], 'ignored'),
  /**
   * What becomes of transparency: it is dropped, as timm and torchvision do, with whatever colours lie under it, or
   * pictures are put on white or black.
   * @default 'dropped'
   */
  transparency: option.choice(['dropped', 'white', 'black'], 'dropped'),
  /** Pictures that cannot be decoded stop the stage, or are left out and listed in its artifact. @default 'refuse' */
  unreadable: option.choice(['refuse', 'skip'], 'refuse'),
  /**
   * GiB that the artifact may spend on decoded crops of the training pictures, beside the pictures themselves. Where
   * they take more, a training without augmentation decodes them every epoch.
   * @default 4
   */
  cropCache: option.number(NOT_NEGATIVE, 4),
}

/** `imageFolder(train, test, { … })`. */
export const IMAGE_FOLDER_OPTIONS = {
  /** Number of classes: of folders in the folder. */
  numClasses: option.number(COUNT),
  /**
   * A third folder with the same classes: its pictures are the split `validation`, by which a training is scored after
   * every epoch. Instead of `validation`, which holds training pictures out.
   * @default none
   */
  validationFolder: option.textOrNone("path from the pipeline file's folder", 'none'),
}

/** `imagenet(folder, { … })`. */
export const IMAGENET_OPTIONS = {
  /** Number of classes: of folders in `train`. @default 1000 */
  numClasses: option.number(COUNT, 1_000),
  /**
   * Classes of validation pictures that lie in one folder: a class's name a line in the pictures' order, or a line of a
   * picture's name and its class's.
   * @default none: val has a folder a class
   */
  groundTruth: option.textOrNone("path from the pipeline file's folder", 'none: `val` has a folder a class'),
}

/** Who has drawn emoji, as the npm packages `emoji-datasource-*` are called. */
export const EMOJI_VENDORS = ['apple', 'google', 'twitter', 'facebook'] as const

export type EmojiVendor = (typeof EMOJI_VENDORS)[number]

/** The classes of emoji, in the order of their numbers. */
export const EMOJI_CATEGORIES: readonly string[] = [
  'Activities',
  'Animals & Nature',
  'Flags',
  'Food & Drink',
  'Objects',
  'People & Body',
  'Smileys & Emotion',
  'Symbols',
  'Travel & Places',
]

/** `emoji({ … })`. */
export const EMOJI_OPTIONS = {
  /** Whose drawings are the split `test`; those of the others are trained on. @default 'facebook' */
  test: option.choice(EMOJI_VENDORS, 'facebook'),
}

/** Below this width a standard deviation of 0.02 is too small to train from (docs/method.md, section 1). */
const PAPER_WIDTH = 192

const WEIGHT_START_OPTIONS = {
  type: option.choice(['truncatedNormal', 'xavierUniform']),
  std: option.number(POSITIVE, 0.02),
  gain: option.number(POSITIVE, 1),
}

const readWeightStart = (
  options: OptionReader,
  name: string,
  { embedDim }: { readonly embedDim: number },
): WeightStart => {
  if (!options.has(name)) {
    return embedDim >= PAPER_WIDTH ? { type: 'truncatedNormal', std: 0.02 } : { type: 'xavierUniform', gain: 1 }
  }
  const start = options.within(name, namesOf(WEIGHT_START_OPTIONS))
  const { type, std, gain } = readOptions(WEIGHT_START_OPTIONS, start)
  const stray = type === 'truncatedNormal' ? 'gain' : 'std'
  if (start.has(stray)) start.fail('unknownOption', stray, `does not go with type '${type}': leave it out`)
  return type === 'truncatedNormal' ? { type, std } : { type, gain }
}

/** What a student has from its teacher. */
interface OfTeacher {
  readonly teacher?: { readonly mlpRatio: number; readonly layerNormEps: number }
}

const wholeHidden = ({ embedDim }: { readonly embedDim: number }): NumberRule => ({
  test: (ratio) => ratio > 0 && Number.isInteger(ratio * embedDim),
  words: `a number above 0 that makes mlpRatio · embedDim (${embedDim}) whole, such as 4`,
})

/**
 * `vit({ … })`: a model of `.teacher(…)`, `.anchors(…)`, `.singles(…)`, and of `.distill(…)`, where patches are the
 * teacher's.
 */
export const VIT_OPTIONS = {
  /** Width d of a token; divisible by `numHeads`. */
  embedDim: option.number(COUNT),
  /** Number of blocks L. */
  depth: option.number(COUNT),
  /** Attention heads; divides `embedDim`. */
  numHeads: option.number(COUNT),
  /**
   * Pixels a side of a patch; divides the images' side.
   * @default the largest divisor up to 16 that leaves four patches a side or more: 28 → 7, 224 → 16
   */
  patchSize: option.number(
    COUNT,
    depends('the largest divisor up to 16 that leaves four patches a side or more: 28 → 7, 224 → 16', () => null),
  ),
  /** Width of the MLP's hidden layer over `embedDim`. @default 4; of a student its teacher's */
  mlpRatio: option.number(
    depends('a number above 0 that makes `mlpRatio · embedDim` whole', wholeHidden),
    depends("4; of a student its teacher's", ({ teacher }: OfTeacher) => teacher?.mlpRatio ?? 4),
  ),
  /** Added to the variance that a LayerNorm divides by. @default 1e-6; of a student its teacher's */
  layerNormEps: option.number(
    POSITIVE,
    depends("1e-6; of a student its teacher's", ({ teacher }: OfTeacher) => teacher?.layerNormEps ?? 1e-6),
  ),
  /**
   * DeiT's distillation token: with a head of its own, whose logits are averaged with those of the cls token's, or
   * without one.
   * @default 'none'
   */
  distillation: option.choice(['none', 'twoHeads', 'oneHead'], 'none'),
  /** A learned factor for each value of a residual branch (CaiT, DeiT-III). @default false */
  layerScale: option.boolean(false),
  /** Whether the cls token has a position; in DeiT-III it has none. @default true */
  clsPosition: option.boolean(true),
  /** What the head reads: the cls token, or the mean of all patches' tokens. @default 'cls' */
  pooling: option.choice(['cls', 'mean'], 'cls'),
  /** Whether queries, keys and values have a bias. @default true */
  qkvBias: option.boolean(true),
  /**
   * How weights start (docs/method.md, section 1).
   * @default truncated normal 0.02 from width 192 on, else Xavier uniform
   */
  weightStart: option.own<WeightStart, WeightStart, { readonly embedDim: number }>(
    "`{ type: 'truncatedNormal', std: 0.02 }`, `{ type: 'xavierUniform', gain: 1 }`",
    'truncated normal 0.02 from width 192 on, else Xavier uniform',
    readWeightStart,
  ),
}

/** Of a teacher and of anchors, which learn from the labels. */
export const PRETRAINED_OPTIONS = {
  /**
   * Weights that training starts from, of timm, transformers or genepool (docs/pretrained.md): a safetensors file, the
   * index of several, or a folder; of the same shape. With `epochs: 0` they are taken as they are.
   * @default none: weightStart
   */
  weights: option.textOrNone("path from the pipeline file's folder", 'none: `weightStart`'),
  /** The weights' own head, or one for the data's classes that starts by `weightStart` and the seed. @default 'kept' */
  head: option.choice(['kept', 'new'], 'kept'),
}

const MAGNITUDE: NumberRule = { test: (value) => value >= 0 && value <= 10, words: 'a number from 0 to 10' }
const SHARE: NumberRule = { test: (value) => value > 0 && value <= 1, words: 'a number above 0, 1 at most' }

/** Parts of RandAugment. */
export const RAND_AUGMENT_OPTIONS = {
  /** Operations an image. @default 2 */
  operations: option.number(COUNT, 2),
  /** Their magnitude. @default 9 */
  magnitude: option.number(MAGNITUDE, 9),
  /** Standard deviation of the magnitude. @default 0.5 */
  std: option.number(NOT_NEGATIVE, 0.5),
}

type RandAugment = typeof RAND_AUGMENT_OPTIONS

/**
 * Parts of `augment`, as DeiT and timm have them (docs/method.md, section 2); a probability or magnitude of 0 switches
 * one off.
 */
export const AUGMENT_OPTIONS = {
  /** Random resized crop: least share of the image's area that is kept; 1 keeps it whole. Bicubic. @default 0.08 */
  cropScale: option.number(SHARE, 0.08),
  /** Probability of a horizontal flip. @default 0.5 */
  flip: option.number(FRACTION, 0.5),
  /**
   * RandAugment (timm's `rand-m9-mstd0.5-inc1`). Colours change only where there are three channels; `null` is none.
   * @default { operations: 2, magnitude: 9, std: 0.5 }
   */
  randAugment: option.own<Options<RandAugment> | null, Params<RandAugment> | null>(
    'an object of `operations`, `magnitude` and `std`, or `null`',
    '`{ operations: 2, magnitude: 9, std: 0.5 }`',
    (options, name) =>
      options.value(name) === null
        ? null
        : readOptions(RAND_AUGMENT_OPTIONS, options.within(name, namesOf(RAND_AUGMENT_OPTIONS))),
  ),
  /** Brightness, contrast and saturation are multiplied by 1 ± this; only where `randAugment` is null. @default 0.4 */
  colorJitter: option.number(BELOW_ONE, 0.4),
  /** Probability of erasing a rectangle. @default 0.25 */
  erasing: option.number(FRACTION, 0.25),
  /** Beta parameter of mixup. @default 0.8 */
  mixup: option.number(NOT_NEGATIVE, 0.8),
  /** Beta parameter of cutmix. @default 1 */
  cutmix: option.number(NOT_NEGATIVE, 1),
  /** Probability of cutmix where both are on. @default 0.5 */
  switchProbability: option.number(FRACTION, 0.5),
  /**
   * Repeated augmentation (Hoffer et al., arXiv 1901.09335): an epoch has each of its images so many times, one after
   * the other and changed anew each time. Its length stays, so it has a share of the images, others every epoch. DeiT
   * trains with 3.
   * @default 1
   */
  repeats: option.number(COUNT, 1),
}

type Augment = typeof AUGMENT_OPTIONS

const readAugment = (options: OptionReader, name: string): Params<Augment> | null => {
  const value = options.value(name)
  if (value === undefined || value === null || value === false) return null
  return readOptions(AUGMENT_OPTIONS, options.within(name, namesOf(AUGMENT_OPTIONS), value === true ? {} : value))
}

/** What decides whether a training may have no epochs, and how large its batches are. */
interface OfTraining {
  readonly stitching: boolean
  readonly pretrained: boolean
}

/** What the learning rate's course depends on. */
interface OfSchedule {
  readonly epochs: number
  readonly scheduleBy: 'epoch' | 'step'
  readonly schedule: 'cosine' | 'constant'
  readonly scheduleEpochs: number | null
}

const WHOLE_EPOCHS: NumberRule = {
  test: COUNT_OR_ZERO.test,
  words: "a whole number of epochs, or scheduleBy: 'step'",
}

/** Never of `epochs` where training can go on: its beginning must not depend on its end. */
const defaultWarmup = ({ epochs, scheduleBy, schedule, scheduleEpochs }: OfSchedule): number => {
  if (schedule === 'constant') return 0
  const twentieth = (scheduleEpochs ?? epochs) / 20
  return scheduleBy === 'epoch' ? Math.round(twentieth) : twentieth
}

/** The published recipe's. */
export const UNDECAYED = ['biases', 'norms', 'positions', 'clsToken'] as const

/**
 * Of every stage that trains (docs/method.md, section 2). Epochs and rates count batches, also where `accumulate` of
 * them make one update.
 */
export const TRAIN_OPTIONS = {
  /** Times that the training images are gone through; with 0 every weight stays as it starts. */
  epochs: option.number(
    depends('a whole number, 1 or more; 0 in `stitch`, and with `weights`', ({ stitching, pretrained }: OfTraining) =>
      stitching || pretrained ? COUNT_OR_ZERO : COUNT,
    ),
  ),
  /** Images of one forward and backward pass. @default 64; of stitch 128 */
  batchSize: option.number(
    COUNT,
    depends('64; of `stitch` 128', ({ stitching }: OfTraining) => (stitching ? 128 : 64)),
  ),
  /** Learning rate: the peak of the schedule. @default 5e-4 */
  lr: option.number(POSITIVE, 5e-4),
  /** Where the cosine ends; `lr` at most. @default 1e-5; lr / 50 where lr is below that */
  minLr: option.number(
    NOT_NEGATIVE,
    depends('1e-5; `lr / 50` where `lr` is below that', ({ lr }: { readonly lr: number }) =>
      lr < 1e-5 ? lr / 50 : 1e-5,
    ),
  ),
  /** Where the warm-up begins; `lr` at most. @default 1e-6; lr / 500 where lr is below that */
  warmupLr: option.number(
    NOT_NEGATIVE,
    depends('1e-6; `lr / 500` where `lr` is below that', ({ lr }: { readonly lr: number }) =>
      lr < 1e-6 ? lr / 500 : 1e-6,
    ),
  ),
  /**
   * Epochs of linear warm-up, a fraction of one too.
   * @default a twentieth of the cosine, in whole epochs by 'epoch'; with 'constant' 0
   */
  warmupEpochs: option.number(
    depends(
      "a finite number, 0 or more; a whole one by `'epoch'`",
      ({ scheduleBy }: { readonly scheduleBy: 'epoch' | 'step' }) =>
        scheduleBy === 'epoch' ? WHOLE_EPOCHS : NOT_NEGATIVE,
    ),
    depends("a twentieth of the cosine, in whole epochs by `'epoch'`; with `'constant'` 0", defaultWarmup),
  ),
  /**
   * When the rate changes: once an epoch, as published, or every step by the same formula at fractional epochs.
   * @default 'step'
   */
  scheduleBy: option.choice(['epoch', 'step'], 'step'),
  /** The rate after the warm-up: a cosine down to `minLr`, or `lr` for as long as training lasts. @default 'cosine' */
  schedule: option.choice(['cosine', 'constant'], 'cosine'),
  /**
   * Epochs after which the cosine is at `minLr`; given, training can go on up to it (docs/extending-training.md).
   * @default epochs
   */
  scheduleEpochs: option.numberOrNull(COUNT, '`epochs`'),
  /** Of a training that can go on: what it would leave is kept every so many epochs; 0: never. @default 1 */
  milestones: option.number(COUNT_OR_ZERO, 1),
  /** AdamW's decay of the gradient's mean. @default 0.9 */
  beta1: option.number(BELOW_ONE, 0.9),
  /** AdamW's decay of the gradient's square. @default 0.999 */
  beta2: option.number(BELOW_ONE, 0.999),
  /** Added to the root that AdamW divides by. @default 1e-8 */
  eps: option.number(POSITIVE, 1e-8),
  /** AdamW's decoupled decay, of all but the groups of `undecayed`. @default 0.05 */
  weightDecay: option.number(NOT_NEGATIVE, 0.05),
  /**
   * Groups of tensors that weight decay spares; `stitches` and `transforms` are the matrices of these layers.
   * @default ['biases', 'norms', 'positions', 'clsToken']
   */
  undecayed: option.choices(['biases', 'norms', 'positions', 'clsToken', 'stitches', 'transforms'], UNDECAYED),
  /**
   * Batches whose mean gradient makes one update, at the rate of the first; when stitching, of one descendant.
   * @default 1
   */
  accumulate: option.number(COUNT, 1),
  /**
   * Whether what blocks compute on their way is computed again for the gradient instead of being kept: less memory for
   * the time of one more pass forward.
   * @default false
   */
  checkpointBlocks: option.boolean(false),
  /** Above this Euclidean norm over all trained tensors the gradient is scaled down to it. @default off */
  clipNorm: option.numberOrNull(POSITIVE, 'off'),
  /**
   * The result is the running mean of the weights, `decay · mean + (1 − decay) · weights` after each update.
   * @default off
   */
  emaDecay: option.numberOrNull(BELOW_ONE, 'off'),
  /** Stochastic depth: the last block's rate; block l of L has `rate · l / (L − 1)`. @default 0 */
  dropPath: option.number(BELOW_ONE, 0),
  /**
   * Share of a label's probability that is spread over all classes; published 0.1, not part of `augment`.
   * @default 0
   */
  labelSmoothing: option.number(FRACTION, 0),
  /**
   * What is done to the training images: `true` is the published recipe, an object changes parts of it.
   * @default off
   */
  augment: option.own<Options<Augment> | boolean | null, Params<Augment> | null>(
    '`true`, or an object of its parts',
    'off',
    readAugment,
  ),
  /**
   * Whether what training would leave is scored after every epoch on the data's `validation` images, where there are
   * such.
   * @default true
   */
  validate: option.boolean(true),
  /**
   * Which epoch's weights are the result: the last one's, or those of the best validation top-1, of equal ones by loss,
   * then the earlier.
   * @default 'last'
   */
  keep: option.choice(['last', 'best'], 'last'),
  /** Training ends after so many epochs in a row without a better validation top-1. @default off */
  patience: option.numberOrNull(COUNT, 'off'),
  /** For `patience`: top-1, a share, must rise by more than this to be better. @default 0 */
  minDelta: option.number(BELOW_ONE, 0),
}

/** `.distill({ name: … }, { … })`: what students share or have each for itself (docs/method.md, section 2). */
export const DISTILL_OPTIONS = {
  /**
   * Blocks that are compared: the ends of the last third, of the last two or of all three, or every block of the
   * student. Thirds need a depth divisible by 3.
   * @default 'front+end' for students of the least width, else 'end'
   */
  positions: option.choice(
    ['end', 'mid+end', 'front+end', 'every'],
    depends("`'front+end'` for students of the least width, else `'end'`", (by: { readonly isNarrowest: boolean }) =>
      by.isNarrowest ? 'front+end' : 'end',
    ),
  ),
  /**
   * What is learned from the teacher: logits, what blocks and their attention put out; logits alone; logits and blocks.
   * @default 'all'
   */
  loss: option.choice(['all', 'logits', 'logits+rep'], 'all'),
  /**
   * Weight of the labels' cross-entropy; `1 − alpha` weighs what comes from the teacher.
   * @default 0.1; with another loss 0.5
   */
  alpha: option.number(
    FRACTION,
    depends('0.1; with another `loss` 0.5', ({ loss }: { readonly loss: string }) => (loss === 'all' ? 0.1 : 0.5)),
  ),
  /** What logits are divided by before they are compared. @default 1 */
  temperature: option.number(POSITIVE, 1),
  /** Over what the loss on logits is a mean: images, or images and classes, as published. @default 'elementMean' */
  softReduction: option.choice(['batchMean', 'elementMean'], 'elementMean'),
  /**
   * Direction of the transformation matrices: the teacher's features are brought to the student's width, as published,
   * or the student's to the teacher's (hints, FitNets), which keeps the student's features from shrinking and its
   * matrices of use.
   * @default 'toStudent'
   */
  transforms: option.choice(['toStudent', 'toTeacher'], 'toStudent'),
  /**
   * Whether the transformation matrices are trained with the student; else they stay at their random start.
   * @default true
   */
  trainTransforms: option.boolean(true),
  /**
   * Beside published matrices, whether those of the other direction are trained, for `init: 'composed'`; no gradient of
   * theirs reaches the student, though they count in the norm of `clipNorm`. Never with `'toTeacher'`, whose own they
   * are.
   * @default false
   */
  reverseTransforms: option.boolean(false),
}

/** Which models a grid has (docs/method.md, section 3): of `.stitch(…)`, `.singles(…)` and `enumerateDescendants`. */
export const GRID_OPTIONS = {
  /** Whether models are stitched by threes too: a → b → c where a → b and b → c are among the pairs. @default false */
  triples: option.boolean(false),
  /**
   * SN-Netv2's grid: also wide → narrow, and there and back again; pairs are stitched at the ends of their stages
   * alone.
   * @default false
   */
  twoWay: option.boolean(false),
  /** Window of blocks; the models' depth at most. @default 2 */
  kernel: option.number(COUNT, 2),
  /** Step of the window; the models' depth at most. @default 1 */
  stride: option.number(COUNT, 1),
  /** Where a final LayerNorm runs before the head: on all models, on single models only, nowhere. @default 'all' */
  finalNorm: option.choice(['all', 'anchorsOnly', 'none'], 'all'),
}

const tuneLoss = option.choice(
  ['soft', 'hard', 'none'],
  depends("`'soft'`; without a teacher `'none'`", ({ taught }: { readonly taught: boolean }) =>
    taught ? 'soft' : 'none',
  ),
)

/** `.stitch({ … }, …)`: which models of the pool. Its types are those of the call. */
export const STITCHED_OPTIONS = {
  /** The narrower of two students; with `to`, these two alone are stitched. @default none */
  from: option.own<string>('name of a student, instead of `models` and `pairs`', 'none'),
  /** The wider of two students. @default none */
  to: option.own<string>('name of a student', 'none'),
  /** Students that are stitched, two or more. @default all of the pool */
  models: option.own<readonly string[]>('names of students', 'all of the pool'),
  /**
   * Which of them: neighbours in width, every one with every wider one, or these, narrow to wide.
   * @default 'nearest'
   */
  pairs: option.own<'nearest' | 'all' | readonly (readonly [from: string, to: string])[]>(
    "`'nearest'`, `'all'`, `[['tiny', 'base']]`",
    "`'nearest'`",
  ),
}

/** `.stitch({ … }, …)`: how (docs/method.md, sections 4 and 5). */
export const STITCH_OPTIONS = {
  /**
   * How stitch layers start; `'composed'` needs `reverseTransforms` or `transforms: 'toTeacher'`.
   * @default 'learned'; of anchors 'leastSquares'
   */
  init: option.choice(
    ['learned', 'composed', 'leastSquares', 'random'],
    depends("`'learned'`; of anchors `'leastSquares'`", ({ anchors }: { readonly anchors: boolean }) =>
      anchors ? 'leastSquares' : 'learned',
    ),
  ),
  /**
   * Of the `learned` and `composed` starts: the mean over a student's loss positions, or the one nearest to the layer.
   * @default 'mean'; of 'composed' 'nearest'
   */
  matrices: option.choice(
    ['mean', 'nearest'],
    depends("`'mean'`; of `'composed'` `'nearest'`", ({ init }: { readonly init: string }) =>
      init === 'composed' ? 'nearest' : 'mean',
    ),
  ),
  /** Of the `learned` start: how a matrix of the distillation is turned round. @default 'transpose' */
  inverse: option.choice(['transpose', 'pseudoInverse'], 'transpose'),
  /** Images of the training split that the least-squares start looks at. @default 100 */
  samples: option.number(COUNT, 100),
  /**
   * What descendants are tuned towards besides the labels: the teacher's probabilities, its answers, nothing.
   * @default 'soft'; without a teacher 'none'
   */
  loss: tuneLoss,
  /** What tuning changes: everything on a descendant's path, or its stitch layers alone. @default 'all' */
  tuned: option.choice(['all', 'stitches'], 'all'),
  /**
   * How a step draws its descendant: uniformly, or (SN-Netv2) a group of similar MACs first, then one of it.
   * @default 'uniform'
   */
  sampling: option.choice(['uniform', 'macs'], 'uniform'),
  /** Groups of equal width in MACs; goes with `sampling: 'macs'` alone. @default 10; 1 with 'uniform' */
  macsGroups: option.number(
    COUNT,
    depends("10; 1 with `'uniform'`", ({ sampling }: { readonly sampling: string }) => (sampling === 'macs' ? 10 : 1)),
  ),
}

/** `.singles({ name: … }, { … })`: descendants trained alone. */
export const SINGLE_OPTIONS = {
  /** Which of them, by their ids in the grid. @default 'all' */
  descendants: option.own<'all' | readonly number[]>(
    "`'all'`, or ids as `enumerateDescendants` counts them",
    "`'all'`",
  ),
  /** Which models are paired: neighbours in width, or every one with every wider one. @default 'nearest' */
  pairs: option.choice(['nearest', 'all'], 'nearest'),
  /**
   * What they learn from besides the labels: the teacher's probabilities, its answers, nothing.
   * @default 'soft'; without a teacher 'none'
   */
  loss: tuneLoss,
}

/** `.latency({ … })`: time of one forward pass of every descendant. */
export const LATENCY_OPTIONS = {
  /** Images of the larger batch; batch 1 is measured too. @default 64 */
  batch: option.number(COUNT, 64),
  /** Passes before the clock runs. @default 3 */
  warmup: option.number(COUNT_OR_ZERO, 3),
  /** Timed passes, of which the median counts. @default 20 */
  rounds: option.number(COUNT, 20),
}

/** `.evaluate({ … })`. */
export const EVALUATE_OPTIONS = {
  /** Images that are answered; `'validation'` needs the data's `validation`. @default 'test' */
  split: option.choice(['test', 'validation'], 'test'),
}

/** `suite(name, axes, build, { … })`. Its types are those of the call. */
export const SUITE_OPTIONS = {
  /** Every cell is there once a seed. @default 1, the seed 0 */
  seeds: option.own<number | readonly number[]>('a number n (0 … n − 1), or a list', '1, the seed 0'),
  /**
   * Cells to leave out: those for which this is true, or those that agree with one of these in all that it names.
   * @default none
   */
  exclude: option.own<unknown>("a function of a cell's labels, or a list of partial cells", 'none'),
  /** Cells to add once the others have been left out; without a seed, once a seed. @default none */
  include: option.own<unknown>('a list of cells, by the labels of every axis', 'none'),
}
