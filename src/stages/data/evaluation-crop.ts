/**
 * What a model sees of a picture when it is evaluated, as timm makes it: resized so that the shorter side is
 * `imageSize / crop`, rounded down, then cropped in the middle.
 */
import type { DecodedPicture } from './picture.js'
import { type Interpolation, Resizer } from './resize.js'

export interface CropRule {
  /** Pixels a side of the result. */
  readonly imageSize: number
  /** Share of the resized picture's shorter side that is kept. */
  readonly crop: number
  readonly interpolation: Interpolation
}

/** Python's `round`: halves go to the even neighbour. */
const roundHalfEven = (value: number): number => {
  const rounded = Math.round(value)
  return value % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded
}

/** Sizes of the resized picture: the longer side is truncated, as torchvision does it (500 × 375 → 341 × 256). */
const resizedSize = (height: number, width: number, shorter: number): { height: number; width: number } =>
  width <= height
    ? { height: Math.trunc((shorter * height) / width), width: shorter }
    : { height: shorter, width: Math.trunc((shorter * width) / height) }

/** Gives the crop `[imageSize, imageSize, 3]` of a picture; the next call writes over it. */
export const evaluationCrop = ({
  imageSize,
  crop,
  interpolation,
}: CropRule): ((picture: DecodedPicture) => Uint8Array) => {
  const shorter = Math.floor(imageSize / crop)
  const resizer = new Resizer({ height: imageSize, width: imageSize, channels: 3 }, interpolation)
  const target = new Uint8ClampedArray(imageSize * imageSize * 3)
  return ({ height, width, pixels }) => {
    const of = resizedSize(height, width, shorter)
    const part = {
      top: roundHalfEven((of.height - imageSize) / 2),
      left: roundHalfEven((of.width - imageSize) / 2),
      of,
    }
    resizer.resize(pixels, 0, width, { top: 0, left: 0, height, width }, target, part)
    return new Uint8Array(target.buffer)
  }
}
