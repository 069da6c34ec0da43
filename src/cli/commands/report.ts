/** `genepool report`: everything measured as one HTML file, and its figures and tables for a paper. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import * as Command from 'effect/cli/Command'
import { makeReport } from '../../report/report-data.js'
import { bytes, plural } from '../../results/format.js'
import { version } from '../../runtime/definition/own-package.js'
import { sentenceOf } from '../../base/errors.js'
import { UsageError } from '../../runtime/errors.js'
import { type FlagsOf, textFlag } from '../input/flags.js'
import { inStore } from '../input/inspect.js'
import { measuredFlags, openResults } from '../input/open-results.js'
import { parseTarget } from '../input/target.js'
import { say, showOnTerminal, warn } from '../output/print.js'

const reportFlags = {
  ...measuredFlags,
  out: textFlag('out', 'File to write; default: <name>-report.html here'),
  figures: textFlag(
    'figures',
    'Also write every figure as SVG and PNG and every table as CSV and Markdown into this folder',
  ),
}

const showProgress = (doing: string): void => showOnTerminal(doing === '' ? '' : `${doing} …`)

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

const report = Effect.fnUntraced(function* (flags: FlagsOf<typeof reportFlags>) {
  showProgress('reading results')
  const results = yield* openResults(flags).pipe(Effect.ensuring(Effect.sync(() => showProgress(''))))
  const source = yield* Effect.try({
    try: () => fs.readFileSync(parseTarget(flags.pipeline).file, 'utf8'),
    catch: failed,
  })
  const made = yield* makeReport(results, { version, source, now: new Date() })
  warn(made.warnings)
  const out = path.resolve(flags.out ?? fileNameOf(results.experiment.name))
  const figures = flags.figures === undefined ? undefined : path.resolve(flags.figures)
  const written = yield* Effect.tryPromise({
    try: async () => {
      const { writeReport } = await import('../../report/write/write-report.js')
      return writeReport(made, { out, figures, onProgress: showProgress })
    },
    catch: failed,
  }).pipe(Effect.ensuring(Effect.sync(() => showProgress(''))))
  say(`${out}  ${bytes(written.bytes)}, ${plural(written.figures, 'figure')}, ${plural(written.tables, 'table')}`)
  if (figures !== undefined) say(`${figures}  ${written.files} files`)
  if (written.withoutPng) {
    const install = 'npm install @resvg/resvg-js @expo-google-fonts/inter'
    warn([`no PNG was written: its renderer is not installed\n  ${install}`])
  }
})

export const reportCommand = Command.make('report', reportFlags).pipe(
  Command.withDescription('Write one HTML file with figures, tables and exact parameters of a pipeline or a suite'),
  Command.withHandler(inStore(report)),
)
