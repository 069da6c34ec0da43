/**
 * A picture as a file holds it: JPEG, PNG, WebP or AVIF, told by its first bytes and decoded by sharp to what Pillow's
 * `Image.open(file).convert('RGB')` gives. Colour profiles are ignored; transparency is dropped by default; grey
 * becomes three equal channels; of 16 bits the upper eight are kept; CMYK becomes (255 − K) · (255 − C) / 255 and so
 * on; of several frames the first is taken.
 */
import type { ImageShape } from './canvas.js'
import type { Box } from './resize.js'

/** The part of the package's interface that is used here: it is not there for those who have no pictures. */
interface Decoding {
  readonly metadata: () => Promise<{ readonly space?: string }>
  readonly autoOrient: () => Decoding
  readonly extract: (box: Box) => Decoding
  readonly removeAlpha: () => Decoding
  readonly flatten: (options: { readonly background: string }) => Decoding
  readonly pipelineColourspace: (space: string) => Decoding
  readonly toColourspace: (space: string) => Decoding
  readonly raw: () => {
    readonly toBuffer: (options: { readonly resolveWithObject: true }) => Promise<{
      readonly data: Uint8Array
      readonly info: { readonly width: number; readonly height: number }
    }>
  }
}

/** What decodes, as the package gives it. */
export type Decoder = (
  bytes: Uint8Array,
  options: { readonly ignoreIcc: boolean; readonly failOn: 'error'; readonly limitInputPixels: number },
) => Decoding

/** `[height, width, 3]`, row-major, red first. */
export interface DecodedPicture {
  readonly height: number
  readonly width: number
  readonly pixels: Uint8Array
}

/** Most pixels of a picture: above it Pillow speaks of a decompression bomb. */
export const MOST_PIXELS = 89_478_485

/** Whether an EXIF tag that the picture is to be turned is ignored, as timm and torchvision do, or obeyed. */
export type Orientation = 'ignored' | 'applied'

/** Whether an alpha channel and a palette's transparency are dropped, or the picture is put on this colour. */
export type Transparency = 'dropped' | 'white' | 'black'

/** What is made of pictures besides their pixels. */
export interface DecodingRules {
  readonly orientation: Orientation
  readonly transparency: Transparency
}

const textAt = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length))

/** What the first bytes say that a file is; undefined for all that is not read. */
export const pictureFormat = (bytes: Uint8Array): 'jpeg' | 'png' | 'webp' | 'avif' | undefined => {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg'
  if (textAt(bytes, 0, 8) === '\x89PNG\r\n\x1a\n') return 'png'
  if (textAt(bytes, 0, 4) === 'RIFF' && textAt(bytes, 8, 4) === 'WEBP') return 'webp'
  return textAt(bytes, 4, 4) === 'ftyp' && ['avif', 'avis'].includes(textAt(bytes, 8, 4)) ? 'avif' : undefined
}

/** Inks `[n, 4]` as colours `[n, 3]`, with Pillow's rounding. */
const inksToColours = (inks: Uint8Array): Uint8Array => {
  const colours = new Uint8Array((inks.length / 4) * 3)
  for (let from = 0, to = 0; from < inks.length; from += 4) {
    const light = 255 - inks[from + 3]
    for (let ink = 0; ink < 3; ink++) {
      const product = inks[from + ink] * light + 128
      colours[to++] = Math.max(0, light - ((product + (product >> 8)) >> 8))
    }
  }
  return colours
}

/**
 * Size and channels of a JPEG by its frame's header, before which only segments with their lengths stand; undefined
 * where none is found.
 */
const jpegFrame = (bytes: Uint8Array): ImageShape | undefined => {
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1]
    const numberAt = (place: number): number => bytes[place] * 256 + bytes[place + 1]
    // Bytes that fill up.
    if (marker === 0xff) at++
    // SOF0 to SOF15 but for DHT, JPG and DAC.
    else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { height: numberAt(at + 5), width: numberAt(at + 7), channels: bytes[at + 9] }
    } else at += 2 + numberAt(at + 2)
  }
  return undefined
}

/** Whether a picture is of inks. Of a JPEG of one or three channels the decoder is not asked: that takes time. */
const isOfInks = async (bytes: Uint8Array, open: () => Decoding): Promise<boolean> => {
  if (pictureFormat(bytes) !== 'jpeg') return false
  const channels = jpegFrame(bytes)?.channels
  return channels !== 1 && channels !== 3 && (await open().metadata()).space === 'cmyk'
}

/** A box of a picture, whole or no more than the box. */
interface PicturePart {
  readonly picture: DecodedPicture
  readonly box: Box
}

/** Rejects with an error whose message says what is wrong with the picture; of a `part` with what is wrong there. */
export const decodePicture = async (
  decoder: Decoder,
  bytes: Uint8Array,
  { orientation, transparency }: DecodingRules,
  part?: Box,
): Promise<DecodedPicture> => {
  if (bytes.length === 0) throw new Error('is empty')
  if (pictureFormat(bytes) === undefined) throw new Error('is no JPEG, PNG, WebP or AVIF')
  const open = (): Decoding => decoder(bytes, { ignoreIcc: true, failOn: 'error', limitInputPixels: MOST_PIXELS })
  const turned = orientation === 'applied' ? open().autoOrient() : open()
  const isInks = await isOfInks(bytes, open)
  const taken = part === undefined ? turned : turned.extract(part)
  const shown = isInks
    ? taken.pipelineColourspace('cmyk').toColourspace('cmyk')
    : (transparency === 'dropped' ? taken.removeAlpha() : taken.flatten({ background: transparency })).toColourspace(
        'srgb',
      )
  const { data, info } = await shown.raw().toBuffer({ resolveWithObject: true })
  return { height: info.height, width: info.width, pixels: isInks ? inksToColours(data) : data }
}

/**
 * The same for what needs a box alone, which is chosen by the picture's size, once. Of a JPEG that says its size
 * nothing below the box is decoded.
 */
export const decodeBox = async (
  decoder: Decoder,
  bytes: Uint8Array,
  rules: DecodingRules,
  boxOf: (height: number, width: number) => Box,
): Promise<PicturePart> => {
  const isJpeg = pictureFormat(bytes) === 'jpeg' && rules.orientation === 'ignored'
  const frame = isJpeg ? jpegFrame(bytes) : undefined
  if (frame === undefined || frame.channels === 4) {
    const picture = await decodePicture(decoder, bytes, rules)
    return { picture, box: boxOf(picture.height, picture.width) }
  }
  const box = boxOf(frame.height, frame.width)
  return { picture: await decodePicture(decoder, bytes, rules, box), box: { ...box, top: 0, left: 0 } }
}
