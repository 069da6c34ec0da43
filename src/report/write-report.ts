/** A report, from results to files. The plotting libraries are loaded here and nowhere before. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { openDrawing } from './drawing.js'
import { openPngRenderer, writeFigures } from './figure-files.js'
import { renderPage } from './page.js'
import type { Report } from './report-data.js'
import { drawFigures } from './report-figures.js'
import { makeTables } from './report-tables.js'

export interface ReportFiles {
  /** The HTML file. */
  readonly out: string
  /** Folder of figures and tables; undefined for none. */
  readonly figures: string | undefined
  /** Called with what is being done. */
  readonly onProgress: (doing: string) => void
}

export interface WrittenReport {
  readonly bytes: number
  readonly figures: number
  readonly tables: number
  /** Files beside the page. */
  readonly files: number
  /** Whether figures were to be written and the renderer of PNG is not there. */
  readonly withoutPng: boolean
}

/** Draws and writes everything; folders are made where they are not there. */
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
