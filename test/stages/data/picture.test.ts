import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import sharp from 'sharp'
import { type CropRule, evaluationCrop } from '../../../src/stages/data/evaluation-crop.js'
import {
  decodeBox,
  type DecodedPicture,
  type Decoder,
  decodePicture,
  type DecodingRules,
} from '../../../src/stages/data/picture.js'
import type { Box } from '../../../src/stages/data/resize.js'
import { checkout } from '../../support/workspace.js'

const decoder = sharp as unknown as Decoder

/** What Pillow and timm make of the pictures beside it: test/fixtures/pictures/make.py. */
interface Expected {
  readonly rules: readonly CropRule[]
  readonly pictures: Readonly<
    Record<string, { size: number[]; sha256: string; crops: readonly string[]; obeyed?: string }>
  >
}

const fixture = (name: string): string => join(checkout, 'test/fixtures/pictures', name)
const expected = JSON.parse(readFileSync(fixture('expected.json'), 'utf8')) as Expected

const plain: DecodingRules = { orientation: 'ignored', transparency: 'dropped' }

const decode = (name: string, rules: Partial<DecodingRules> = {}): Promise<DecodedPicture> =>
  decodePicture(decoder, readFileSync(fixture(name)), { ...plain, ...rules })

const sha256 = ({ pixels }: DecodedPicture): string => createHash('sha256').update(pixels).digest('hex')

const greatestDifference = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at])), 0)

describe('a picture', () => {
  for (const [name, { size, sha256: wanted, crops }] of Object.entries(expected.pictures)) {
    it(`${name} is decoded and cropped as Pillow and timm do it`, async () => {
      const picture = await decode(name)
      expect([picture.width, picture.height]).to.deep.equal(size)
      // Another library decodes AVIF there.
      const isExact = !name.endsWith('.avif')
      if (isExact) expect(sha256(picture)).to.equal(wanted)
      for (const [index, rule] of expected.rules.entries()) {
        const difference = greatestDifference(evaluationCrop(rule)(picture), Buffer.from(crops[index], 'base64'))
        expect(difference, rule.interpolation).to.be.at.most(isExact ? 0 : 2)
      }
    })
  }

  it('of which a box alone is wanted has the same pixels there', async () => {
    const within = ({ width, pixels }: DecodedPicture, box: Box): string => {
      const rows = Array.from({ length: box.height }, (_, row) => {
        const start = ((box.top + row) * width + box.left) * 3
        return pixels.subarray(start, start + box.width * 3)
      })
      return Buffer.concat(rows).toString('hex')
    }
    for (const name of Object.keys(expected.pictures)) {
      for (const orientation of ['ignored', 'applied'] as const) {
        const whole = await decode(name, { orientation })
        const { height, width } = whole
        const box = { top: height >> 2, left: width >> 2, height: (height >> 1) + 1, width: (width >> 1) + 1 }
        for (const wanted of [box, { top: 0, left: 0, height, width }]) {
          const asked: unknown[] = []
          const part = await decodeBox(
            decoder,
            readFileSync(fixture(name)),
            { orientation, transparency: 'dropped' },
            (...size) => {
              asked.push(size)
              return wanted
            },
          )
          expect(asked, name).to.deep.equal([[height, width]])
          expect(within(part.picture, part.box) === within(whole, wanted), `${name} ${orientation}`).to.equal(true)
        }
      }
    }
  })

  it('is turned as its EXIF tag says only where that is asked for', async () => {
    expect(sha256(await decode('turned.jpg'))).to.equal(expected.pictures['turned.jpg'].sha256)
    const turned = await decode('turned.jpg', { orientation: 'applied' })
    expect([turned.width, turned.height]).to.deep.equal([40, 56])
    expect(sha256(turned)).to.equal(expected.pictures['turned.jpg'].obeyed)
  })

  it('with transparency is put on a colour where that is asked for', async () => {
    for (const name of ['alpha.png', 'alpha.webp', 'greyalpha.png', 'colour.png', 'grey16.png']) {
      const rgba = await sharp(fixture(name)).toColourspace('srgb').ensureAlpha().raw().toBuffer()
      for (const [transparency, behind] of [
        ['white', 255],
        ['black', 0],
      ] as const) {
        const { pixels } = await decode(name, { transparency })
        const wanted = pixels.map((_, at) => {
          const [pixel, channel] = [Math.floor(at / 3), at % 3]
          const alpha = rgba[4 * pixel + 3] / 255
          return Math.round(alpha * rgba[4 * pixel + channel] + (1 - alpha) * behind)
        })
        expect(greatestDifference(pixels, wanted), `${name} on ${transparency}`).to.be.at.most(1)
      }
    }
  })

  it('is told by its first bytes, whatever else it may be', async () => {
    const refused = async (bytes: Uint8Array): Promise<string> => {
      try {
        await decodePicture(decoder, bytes, plain)
      } catch (cause) {
        return (cause as Error).message
      }
      return 'decoded'
    }
    const whole = readFileSync(fixture('colour.png'))
    expect(await refused(new Uint8Array(0))).to.equal('is empty')
    for (const text of [
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
      '<!doctype html>',
      'GIF89a',
    ]) {
      expect(await refused(Buffer.from(text))).to.equal('is no JPEG, PNG, WebP or AVIF')
    }
    expect(await refused(whole.subarray(0, 200))).to.not.equal('decoded')
    expect(await refused(readFileSync(fixture('colour.jpg')).subarray(0, 900))).to.not.equal('decoded')
  })

  it('of more pixels than a picture has is refused by its header', async () => {
    const whole = Buffer.from(readFileSync(fixture('colour.png')))
    whole.writeUInt32BE(30_000, 16)
    whole.writeUInt32BE(30_000, 20)
    // The header's checksum.
    whole.writeUInt32BE(0xe9456fed, 29)
    const error = await decodePicture(decoder, whole, plain).then(
      () => undefined,
      (cause: Error) => cause,
    )
    expect(error?.message).to.match(/pixel/)
  })
})
