/** The exact parameters, fingerprints, engines and versions of every stage. */
import { duration } from '../results/format.js'
import type { ReportData } from './report-data.js'
import type { StageRecord } from './stage-records.js'
import { escapeXml } from './svg.js'

const mostCells = 12
/** Stages beyond this are in the page's data alone. */
const mostStages = 200

const listCells = (cells: readonly string[]): string => {
  const shown = cells.slice(0, mostCells).join('; ')
  return cells.length > mostCells ? `${shown}; and ${cells.length - mostCells} more` : shown
}

const engineOf = ({ engine }: StageRecord): string =>
  engine === null
    ? 'none'
    : `${engine.engine} on ${engine.device}, ${Object.entries(engine.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', ')}`

const stageHtml = (stage: StageRecord, isSuite: boolean): string => {
  const { name, kind, made, fingerprint, content, reads, cells, params, summary, machine } = stage
  const facts: readonly (readonly [string, string])[] = [
    ['reads', reads.join(', ') || 'nothing'],
    ...(isSuite ? [['cells', listCells(cells)] as const] : []),
    ['fingerprint', fingerprint ?? 'not run as the definition stands'],
    ...(content === null ? [] : [['content', content] as const]),
    ...(made === null
      ? []
      : [
          ['engine', engineOf(stage)] as const,
          ...(machine === null ? [] : [['machine', JSON.stringify(machine)] as const]),
          [
            'made',
            `${made.at} in ${duration(made.ms)}, run ${made.run}, Node ${made.node}, ${made.platform}, threads ${made.threads}`,
          ] as const,
        ]),
    ...(Object.keys(summary).length === 0 ? [] : [['summary', JSON.stringify(summary)] as const]),
  ]
  const list = facts.map(([term, value]) => `<dt>${term}</dt><dd>${escapeXml(value)}</dd>`).join('')
  const title = `${escapeXml(name)} <span class="muted">${escapeXml(kind)} · <code>${fingerprint?.slice(0, 12) ?? 'not run'}</code></span>`
  return `<details><summary>${title}</summary><dl class="facts">${list}</dl><pre>${escapeXml(JSON.stringify(params, null, 2))}</pre></details>`
}

const leftOut = (stages: readonly StageRecord[]): string =>
  stages.length > mostStages
    ? `<p class="muted">Shown are the first ${mostStages} of ${stages.length} stages; the table above lists all, and the data of this page have the parameters of all.</p>\n`
    : ''

export const appendix = ({ stages, experiment }: ReportData): string =>
  `<section id="appendix"><h2>Appendix: exact parameters</h2>
<p class="muted">Every distinct stage with its parameters, defaults filled in (the seed is one of them), and what identifies its artifact.</p>
${leftOut(stages)}${stages
    .slice(0, mostStages)
    .map((stage) => stageHtml(stage, experiment.kind === 'suite'))
    .join('\n')}</section>`
