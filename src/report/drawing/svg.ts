/** SVG as text: elements, text widths, figures side by side. */
import { largestOf } from '../../results/statistics.js'
import { colour } from './theme.js'

export const escapeXml = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;').replace(/'/g, '&#39;')

type Attributes = Readonly<Record<string, string | number | undefined>>

const shown = (value: string | number): string => (typeof value === 'number' ? String(Number(value.toFixed(2))) : value)

/** `children` are markup already; text goes through escapeXml first. */
export const element = (name: string, attributes: Attributes, ...children: readonly string[]): string => {
  const written = Object.entries(attributes)
    .flatMap(([key, value]) => (value === undefined ? [] : [` ${key}="${escapeXml(shown(value))}"`]))
    .join('')
  return `<${name}${written}>${children.join('')}</${name}>`
}

export const text = (x: number, y: number, content: string, attributes: Attributes = {}): string =>
  element('text', { x, y, ...attributes }, escapeXml(content))

/** Font size of figures, in their own units. */
export const fontSize = 12

const narrow = new Set("fijlrt.,:;|!'()[]{}/ ·".split(''))

const wide = new Set('mwMWGOQ@%→×–…=+±'.split(''))

/** The most that a text takes in common sans-serif fonts: an estimate, since no font is loaded here. */
export const textWidth = (content: string, size = fontSize): number =>
  [...content].reduce(
    (width, character) =>
      width +
      size * (narrow.has(character) ? 0.4 : wide.has(character) ? 0.92 : /[A-Z0-9]/.test(character) ? 0.68 : 0.62),
    0,
  )

/** The text, with an ellipsis for its middle where it would be wider than `width`. */
export const shortened = (content: string, width: number, size = fontSize): string => {
  if (textWidth(content, size) <= width) return content
  for (let kept = content.length - 2; kept > 1; kept -= 1) {
    const head = Math.ceil(kept / 2)
    const candidate = `${content.slice(0, head)}…${content.slice(content.length - (kept - head))}`
    if (textWidth(candidate, size) <= width) return candidate
  }
  return '…'
}

/** One picture and its size. */
export interface Picture {
  readonly width: number
  readonly height: number
  /** Markup inside the svg element. */
  readonly body: string
}

export const svgOf = ({ width, height, body }: Picture, attributes: Attributes = {}): string =>
  element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${shown(width)} ${shown(height)}`,
      width,
      height,
      'font-family': 'Inter, system-ui, sans-serif',
      'font-size': fontSize,
      fill: colour('ink'),
      ...attributes,
    },
    body,
  )

export const place = ({ body }: Picture, x: number, y: number): string =>
  element('g', { transform: `translate(${shown(x)} ${shown(y)})` }, body)

/** Pictures in rows, each row as high as its highest. */
export const tile = (pictures: readonly Picture[], columns: number, gap = 16): Picture => {
  let [y, width] = [0, 0]
  const placed: string[] = []
  for (let first = 0; first < pictures.length; first += columns) {
    let x = 0
    const row = pictures.slice(first, first + columns)
    for (const picture of row) {
      placed.push(place(picture, x, y))
      x += picture.width + gap
    }
    width = Math.max(width, x - gap)
    y += largestOf(row.map(({ height }) => height)) + gap
  }
  return { width, height: y - gap, body: placed.join('') }
}

/** Pictures one below the other. */
export const stack = (pictures: readonly Picture[], gap = 8): Picture => tile(pictures, 1, gap)

export interface LegendEntry {
  readonly label: string
  /** Markup of a symbol around 0, 0. */
  readonly symbol: string
}

/** Entries in lines no wider than `width`. */
export const legend = (entries: readonly LegendEntry[], width: number): Picture => {
  let [x, y] = [0, 10]
  const placed = entries.map(({ label, symbol }) => {
    const shownLabel = shortened(label, width - 20)
    const taken = 20 + textWidth(shownLabel) + 12
    if (x > 0 && x + taken - 12 > width) [x, y] = [0, y + 18]
    const markup =
      element('g', { transform: `translate(${shown(x + 7)} ${y})` }, symbol) + text(x + 18, y + 4, shownLabel)
    x += taken
    return markup
  })
  return { width, height: entries.length === 0 ? 0 : y + 12, body: placed.join('') }
}
