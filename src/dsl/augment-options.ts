import type { AugmentParams } from './nodes.js'
import { BELOW_ONE, COUNT, FRACTION, NOT_NEGATIVE, OptionReader, type NumberRule } from './option-reader.js'

/**
 * What is done to the training images, as DeiT and timm do it. Defaults (docs/method.md, section 2): `cropScale` 0.08, `flip`
 * 0.5, `randAugment` two operations of magnitude 9 ± 0.5 (timm's `rand-m9-mstd0.5-inc1`), `colorJitter` 0.4 (done only where
 * `randAugment` is null), `erasing` 0.25, `mixup` 0.8, `cutmix` 1, `switchProbability` 0.5. Colours change only where there are
 * three channels, brightness and contrast always.
 */
export type AugmentOptions = Partial<Omit<AugmentParams, 'randAugment'>> & {
  readonly randAugment?: Partial<NonNullable<AugmentParams['randAugment']>> | null
}

const AUGMENT_OPTIONS = [
  'cropScale',
  'flip',
  'randAugment',
  'colorJitter',
  'erasing',
  'mixup',
  'cutmix',
  'switchProbability',
] as const satisfies readonly (keyof AugmentParams)[]

const SHARE: NumberRule = { test: (value) => value > 0 && value <= 1, words: 'a number above 0, 1 at most' }
const MAGNITUDE: NumberRule = { test: (value) => value >= 0 && value <= 10, words: 'a number from 0 to 10' }

const readRandAugment = (options: OptionReader): AugmentParams['randAugment'] => {
  if (options.value('randAugment') === null) return null
  const path = options.path('randAugment')
  const known = ['operations', 'magnitude', 'std']
  const reader = new OptionReader([{ path, options: options.value('randAugment'), known }], options.place)
  return {
    operations: reader.number('operations', COUNT, 2),
    magnitude: reader.number('magnitude', MAGNITUDE, 9),
    std: reader.number('std', NOT_NEGATIVE, 0.5),
  }
}

/** Complete augmentation parameters; null, the default, where images stay as they are. */
export const readAugment = (options: OptionReader): AugmentParams | null => {
  const value = options.value('augment')
  if (value === undefined || value === null || value === false) return null
  const given = value === true ? {} : value
  const augment = new OptionReader(
    [{ path: options.path('augment'), options: given, known: AUGMENT_OPTIONS }],
    options.place,
  )
  return {
    cropScale: augment.number('cropScale', SHARE, 0.08),
    flip: augment.number('flip', FRACTION, 0.5),
    randAugment: readRandAugment(augment),
    colorJitter: augment.number('colorJitter', BELOW_ONE, 0.4),
    erasing: augment.number('erasing', FRACTION, 0.25),
    mixup: augment.number('mixup', NOT_NEGATIVE, 0.8),
    cutmix: augment.number('cutmix', NOT_NEGATIVE, 1),
    switchProbability: augment.number('switchProbability', FRACTION, 0.5),
  }
}
