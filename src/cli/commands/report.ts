/** The command line's words: flags, arguments, help. Each handler reads its flags and calls one function. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { makeReport } from '../../report/report-data.js'
import { bytes } from '../../results/format.js'
import { sentenceOf, UsageError } from '../../runtime/errors.js'
import { Store } from '../../runtime/store/store.js'
import { measured } from '../input/flags.js'
import type { InspectFlags } from '../input/inspect.js'
import { openResults } from '../input/open-results.js'
import { parseTarget } from '../input/target.js'
import { warn } from '../output/print.js'
import { version } from '../version.js'

/** `genepool report`: everything measured as one HTML file, and its figures and tables for a paper. */

export const reportFlags = {
  out: Flag.String('out').pipe(Flag.withDescription('File to write; default: <name>-report.html here'), Flag.optional),
  figures: Flag.String('figures').pipe(
    Flag.withDescription('Also write every figure as SVG and PNG and every table as CSV and Markdown into this folder'),
    Flag.optional,
  ),
} as const

export interface ReportFlags extends InspectFlags {
  readonly out: Option.Option<string>
  readonly figures: Option.Option<string>
}

const clearLine = '\r\u001b[2K'

/** One line on a terminal, rewritten; nothing where stderr is read by a program. */
const showProgress = (doing: string): void => {
  if (process.stderr.isTTY) process.stderr.write(doing === '' ? clearLine : `${clearLine}${doing} …`)
}

const fileNameOf = (name: string): string =>
  `${name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|-+$/g, '') || 'genepool'}-report.html`

const failed = (cause: unknown): UsageError => {
  const missing = /Cannot find package '(@observablehq\/plot|linkedom|@dagrejs\/dagre)'/.exec(sentenceOf(cause))?.[1]
  return missing === undefined
    ? new UsageError({ message: `the report cannot be written: ${sentenceOf(cause)}`, cause })
    : new UsageError({
        message: `the report needs the package ${missing}, which is not installed`,
        hint: `npm install ${missing}`,
        cause,
      })
}

export const reportCommand = Effect.fnUntraced(function* (flags: ReportFlags) {
  showProgress('reading results')
  const { results, store } = yield* openResults(flags).pipe(Effect.ensuring(Effect.sync(() => showProgress(''))))
  const source = yield* Effect.try({
    try: () => fs.readFileSync(parseTarget(flags.pipeline).file, 'utf8'),
    catch: failed,
  })
  const report = yield* makeReport(results, { version, source, now: new Date() }).pipe(
    Effect.provideService(Store, store),
  )
  warn(report.warnings)
  const out = path.resolve(Option.getOrElse(flags.out, () => fileNameOf(results.experiment.name)))
  const figures = Option.getOrUndefined(Option.map(flags.figures, (folder) => path.resolve(folder)))
  const written = yield* Effect.tryPromise({
    try: async () => {
      const { writeReport } = await import('../../report/write/write-report.js')
      return writeReport(report, { out, figures, onProgress: showProgress })
    },
    catch: failed,
  }).pipe(Effect.ensuring(Effect.sync(() => showProgress(''))))
  process.stdout.write(`${out}  ${bytes(written.bytes)}, ${written.figures} figures, ${written.tables} tables\n`)
  if (figures !== undefined) process.stdout.write(`${figures}  ${written.files} files\n`)
  if (written.withoutPng) {
    process.stderr.write(
      'genepool: no PNG was written: its renderer is not installed\n  npm install @resvg/resvg-js @expo-google-fonts/inter\n',
    )
  }
})

export const report = Command.make('report', { ...measured, ...reportFlags }).pipe(
  Command.withHandler((flags) => reportCommand(flags)),
  Command.withDescription('Write one HTML file with figures, tables and exact parameters of a pipeline or a suite'),
)
