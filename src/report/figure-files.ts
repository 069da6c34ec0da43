/** Figures and tables as files of their own: SVG and PNG, CSV and Markdown. */
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import * as path from 'node:path'
import type { ReportFigure } from './report-figures.js'
import type { ReportTable } from './report-tables.js'
import { element, svgOf, type Picture } from './svg.js'
import { light, type Role } from './theme.js'

const margin = 16
/** Pixels of PNG files for each unit of the figure. */
const zoom = 2

/** A figure that stands alone: light colours written out, white ground, a title. */
export const standaloneSvg = (picture: Picture, title: string): string => {
  const { width, height, body } = picture
  const [w, h] = [width + 2 * margin, height + 2 * margin]
  const ground = element('rect', { width: w, height: h, fill: light.paper })
  const inner = element('g', { transform: `translate(${margin} ${margin})` }, body)
  const svg = svgOf({ width: w, height: h, body: `${ground}${inner}` }, { role: 'img', 'aria-label': title })
  // No style sheet: renderers other than browsers know no CSS variables.
  return svg
    .replace(/var\(--gp-(\w+)\)/g, (_, role: string) => light[role as Role])
    .replaceAll('currentColor', light.ink)
}

/** Renders SVG as PNG; undefined where the optional renderer is not installed. */
export type RenderPng = (svg: string) => Uint8Array

/** With a font that comes with it, so that a figure looks the same on every machine. */
export const openPngRenderer = async (): Promise<RenderPng | undefined> => {
  const require = createRequire(import.meta.url)
  try {
    const { Resvg } = await import('@resvg/resvg-js')
    const fontFiles = ['400Regular/Inter_400Regular', '600SemiBold/Inter_600SemiBold'].map((name) =>
      require.resolve(`@expo-google-fonts/inter/${name}.ttf`),
    )
    const font = { loadSystemFonts: false, fontFiles, defaultFontFamily: 'Inter', sansSerifFamily: 'Inter' }
    return (svg) => new Resvg(svg, { font, fitTo: { mode: 'zoom', value: zoom } }).render().asPng()
  } catch {
    return undefined
  }
}

/** Writes every figure and table into `folder`, which is made where it is not there; gives the number of files. */
export const writeFigures = (
  folder: string,
  figures: readonly ReportFigure[],
  tables: readonly ReportTable[],
  png: RenderPng | undefined,
): number => {
  fs.mkdirSync(folder, { recursive: true })
  let files = 0
  const write = (name: string, bytes: string | Uint8Array): void => {
    fs.writeFileSync(path.join(folder, name), bytes)
    files += 1
  }
  for (const { id, title, wide } of figures) {
    const svg = standaloneSvg(wide, title)
    write(`${id}.svg`, svg)
    if (png !== undefined) write(`${id}.png`, png(svg))
  }
  for (const { id, csv, markdown } of tables) {
    write(`${id}.csv`, csv)
    write(`${id}.md`, markdown)
  }
  return files
}
