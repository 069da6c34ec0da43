/**
 * Writes a report: the page, and on request every figure as SVG and PNG, every table as CSV and Markdown. Loads the
 * plotting libraries, so it is itself imported only when a report is written.
 */
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import * as path from 'node:path'
import { openDrawing } from '../drawing/plot.js'
import { element, type Picture, svgOf } from '../drawing/svg.js'
import { type ColourRole, light } from '../drawing/theme.js'
import { drawFigures, type ReportFigure } from '../figures/report-figures.js'
import type { Report } from '../report-data.js'
import { renderPage } from './page.js'
import { makeTables, type ReportTable } from './report-tables.js'

/** White space around a figure, in its own units. */
const margin = 16

/** Pixels of a PNG file for each unit of the figure. */
const zoom = 2

/** A figure as a file of its own: light colours written out, white ground, a title. */
const standaloneSvg = (picture: Picture, title: string): string => {
  const { width, height, body } = picture
  const [w, h] = [width + 2 * margin, height + 2 * margin]
  const ground = element('rect', { width: w, height: h, fill: light.paper })
  const inner = element('g', { transform: `translate(${margin} ${margin})` }, body)
  const svg = svgOf({ width: w, height: h, body: `${ground}${inner}` }, { role: 'img', 'aria-label': title })
  // No style sheet: renderers other than browsers know no CSS variables.
  return svg
    .replace(/var\(--gp-(\w+)\)/g, (_, role: string) => light[role as ColourRole])
    .replaceAll('currentColor', light.ink)
}

type RenderPng = (svg: string) => Uint8Array

/**
 * Renders SVG as PNG, with a packaged font, so that a figure looks the same on every machine; undefined where the
 * optional renderer is not installed.
 */
const openPngRenderer = async (): Promise<RenderPng | undefined> => {
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

/** Writes every figure and table into `folder`, creating it if needed; returns the number of files. */
const writeFigures = (
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

interface ReportFiles {
  /** The HTML file. */
  readonly out: string
  /** Folder of figures and tables; undefined for none. */
  readonly figures: string | undefined
  /** Called with a few words at each step: `drawing figures`. */
  readonly onProgress: (doing: string) => void
}

interface WrittenReport {
  readonly bytes: number
  readonly figures: number
  readonly tables: number
  /** Files beside the page. */
  readonly files: number
  /** Whether PNG files are missing because their renderer is not installed. */
  readonly withoutPng: boolean
}

/** Draws and writes everything; creates the folders that it needs. */
export const writeReport = async (report: Report, files: ReportFiles): Promise<WrittenReport> => {
  files.onProgress('drawing figures')
  const figures = await drawFigures(await openDrawing(), report)
  const tables = makeTables(report)
  const page = renderPage({ report, figures, tables })
  fs.mkdirSync(path.dirname(files.out), { recursive: true })
  fs.writeFileSync(files.out, page)
  const written = { bytes: Buffer.byteLength(page), figures: figures.length, tables: tables.length }
  if (files.figures === undefined) return { ...written, files: 0, withoutPng: false }
  files.onProgress('writing figures')
  const png = await openPngRenderer()
  const count = writeFigures(files.figures, figures, tables, png)
  return { ...written, files: count, withoutPng: png === undefined }
}
