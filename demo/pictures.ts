/** What a visitor gives → what models read, as the project's data stages make it. */
import type { PoolFile } from '../src/stages/export/pool-file.js'
import { evaluationCrop } from '../src/stages/data/evaluation-crop.js'
import { Resizer } from '../src/stages/data/resize.js'

type Preprocessing = PoolFile['preprocessing']

/** Bytes `[height, width, channels]`. */
export interface Bytes {
  readonly height: number
  readonly width: number
  readonly pixels: Uint8Array
}

/** Normalised, as training saw it. */
export const normalised = (bytes: Uint8Array, { channels, mean, std }: Preprocessing): Float32Array =>
  Float32Array.from(bytes, (value, at) => (value / 255 - mean[at % channels]) / std[at % channels])

const contextOf = (width: number, height: number): OffscreenCanvasRenderingContext2D => {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  if (context === null) throw new Error('this browser gives no pixels of pictures')
  return context
}

/** Red, green and blue of what a browser has decoded; where it is transparent, over black. */
export const coloursOf = (source: CanvasImageSource, width: number, height: number): Bytes => {
  const context = contextOf(width, height)
  context.fillRect(0, 0, width, height)
  context.drawImage(source, 0, 0, width, height)
  const { data } = context.getImageData(0, 0, width, height)
  const pixels = new Uint8Array(width * height * 3)
  for (let from = 0, to = 0; from < data.length; from += 4) {
    for (let channel = 0; channel < 3; channel++) pixels[to++] = data[from + channel]
  }
  return { height, width, pixels }
}

/** A picture that a visitor has chosen; rejects where it is none that the browser can decode. */
export const pictureOf = async (file: Blob): Promise<Bytes> => {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none' })
  try {
    return coloursOf(bitmap, bitmap.width, bitmap.height)
  } finally {
    bitmap.close()
  }
}

/** Luma of ITU-R BT.601. */
const greyOf = ({ height, width, pixels }: Bytes): Bytes => {
  const grey = Uint8Array.from({ length: height * width }, (_, at) =>
    Math.round(0.299 * pixels[3 * at] + 0.587 * pixels[3 * at + 1] + 0.114 * pixels[3 * at + 2]),
  )
  return { height, width, pixels: grey }
}

const resized = (image: Bytes, height: number, width: number): Uint8Array => {
  const target = new Uint8ClampedArray(height * width)
  const box = { top: 0, left: 0, height: image.height, width: image.width }
  new Resizer({ height, width, channels: 1 }, 'bilinear').resize(image.pixels, 0, image.width, box, target)
  return new Uint8Array(target.buffer)
}

/** Below it is background. */
const inkAbove = 32

/**
 * A light figure on dark ground, as the digits of MNIST were made: its box scaled to 20 of 28 pixels, then moved so that
 * its centre of mass is the image's. Black where there is no ink.
 */
const centred = ({ height, width, pixels }: Bytes, size: number): Uint8Array => {
  let [top, left, bottom, right] = [height, width, -1, -1]
  pixels.forEach((value, at) => {
    if (value <= inkAbove) return
    const [y, x] = [Math.floor(at / width), at % width]
    top = Math.min(top, y)
    bottom = Math.max(bottom, y)
    left = Math.min(left, x)
    right = Math.max(right, x)
  })
  const image = new Uint8Array(size * size)
  if (bottom < 0) return image
  const [tall, wide] = [bottom - top + 1, right - left + 1]
  const scale = (size * 20) / 28 / Math.max(tall, wide)
  const [h, w] = [Math.max(1, Math.round(tall * scale)), Math.max(1, Math.round(wide * scale))]
  const cut = new Uint8Array(tall * wide)
  for (let y = 0; y < tall; y++) {
    cut.set(pixels.subarray((top + y) * width + left, (top + y) * width + left + wide), y * wide)
  }
  const small = resized({ height: tall, width: wide, pixels: cut }, h, w)
  let [mass, massX, massY] = [0, 0, 0]
  small.forEach((value, at) => {
    mass += value
    massX += value * ((at % w) + 0.5)
    massY += value * (Math.floor(at / w) + 0.5)
  })
  const shiftX = Math.round(size / 2 - massX / mass)
  const shiftY = Math.round(size / 2 - massY / mass)
  small.forEach((value, at) => {
    const [x, y] = [(at % w) + shiftX, Math.floor(at / w) + shiftY]
    if (x >= 0 && x < size && y >= 0 && y < size) image[y * size + x] = value
  })
  return image
}

/** A drawing, or a picture of one: dark on light where its border is lighter than its middle. */
const figureOf = (picture: Bytes, size: number): Uint8Array => {
  const grey = greyOf(picture)
  const { height, width, pixels } = grey
  let [border, count] = [0, 0]
  pixels.forEach((value, at) => {
    const [y, x] = [Math.floor(at / width), at % width]
    if (x > 0 && y > 0 && x < width - 1 && y < height - 1) return
    border += value
    count++
  })
  return centred(border / count > 127 ? { ...grey, pixels: pixels.map((value) => 255 - value) } : grey, size)
}

/** Bytes `[size, size, channels]` of a picture of any size. */
export const cropOf = (
  picture: Bytes,
  { size, channels, crop = 1, interpolation = 'bicubic' }: Preprocessing,
): Uint8Array =>
  channels === 1 ? figureOf(picture, size) : evaluationCrop({ imageSize: size, crop, interpolation })(picture).slice()
