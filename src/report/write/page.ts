/** The report as one HTML file that loads nothing else. */
import { mainNamedFigures, ownFigures, valueText } from '../../results/figures.js'
import { count, duration, percent, percentSpread, plural } from '../../results/format.js'
import { describeLabels } from '../../results/group-results.js'
import type { ModelResult } from '../../results/model-results.js'
import { sumOf } from '../../results/statistics.js'
import { escapeXml, svgOf } from '../drawing/svg.js'
import type { ReportFigure, ReportSection } from '../figures/report-figures.js'
import type { Report, ReportData } from '../report-data.js'
import type { StageRecord } from '../stage-records.js'
import { pageScript } from './page-script.js'
import { pageStyle } from './page-style.js'
import type { ReportTable } from './report-tables.js'

interface PageContent {
  readonly report: Report
  readonly figures: readonly ReportFigure[]
  readonly tables: readonly ReportTable[]
}

/** A table of more rows than this scrolls within the page. */
const longTable = 40

/** A table of more rows than this is closed at first. */
const hugeTable = 120

const titles: Readonly<Record<ReportSection, string>> = {
  accuracy: 'Accuracy and cost',
  ablation: 'Ablation',
  figures: 'Figures of stages',
  storage: 'Storage',
  training: 'Training',
  stages: 'Stages',
}

const figureHtml = ({ id, title, caption, wide, narrow }: ReportFigure): string => {
  const label = { role: 'img', 'aria-label': `${title}. ${caption}` }
  return `<figure id="figure-${id}"><h3>${escapeXml(title)}</h3><figcaption>${escapeXml(caption)}</figcaption>
<div class="wide scroll">${svgOf(wide, label)}</div><div class="narrow scroll">${svgOf(narrow, label)}</div></figure>`
}

const tableHtml = ({ id, title, note, rows, html }: ReportTable): string => {
  const body = `<div class="scroll${rows > longTable ? ' long' : ''}">${html}</div>`
  const noted = note === '' ? '' : `<p class="note">${escapeXml(note)}</p>`
  return rows > hugeTable
    ? `<details id="table-${id}"><summary>${escapeXml(title)}: ${rows} rows</summary>${body}${noted}</details>`
    : `<h3 id="table-${id}">${escapeXml(title)}</h3>${body}${noted}`
}

const versionList = (versions: Readonly<Record<string, string>>): string =>
  Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')

type Fact = readonly [term: string, value: string]

const factList = (facts: readonly Fact[]): string => {
  const items = facts.map(([term, value]) => `<dt>${escapeXml(term)}</dt><dd>${escapeXml(value)}</dd>`)
  return `<dl class="facts">${items.join('')}</dl>`
}

const experimentFacts = ({ data }: Report): string => {
  const { experiment, written, stages } = data
  const made = stages.flatMap((stage) => (stage.made === null ? [] : [stage.made]))
  const days = [...new Set(made.map(({ at }) => at.slice(0, 10)))].sort()
  const places = [
    ...new Set(made.map(({ platform, threads, node }) => `${platform}, threads ${threads}, Node ${node}`)),
  ]
  const axes = Object.entries(experiment.axes).map(([axis, labels]) => `${axis}: ${labels.map(String).join(', ')}`)
  return factList([
    ['file', experiment.file],
    ...axes.map((axis) => ['axis', axis] as const),
    [experiment.seeds.length === 1 ? 'seed' : 'seeds', experiment.seeds.join(', ')],
    ['engine', `${experiment.engine} on ${experiment.device} (${versionList(experiment.versions)})`],
    [
      'computed',
      `${days.length > 1 ? `${days[0]} to ${days.at(-1)!}` : (days[0] ?? 'never')}, ${places.slice(0, 3).join('; ')}`,
    ],
    ['report', `${written.at.slice(0, 16).replace('T', ' ')} UTC, genepool ${data.genepool}, on ${written.machine}`],
  ])
}

const nameOf = (model: ModelResult): string =>
  [model.name, describeLabels(model.at)].filter((part) => part !== '').join(', ')

type KeyFigure = readonly [value: string, says: string]

const keyFiguresOfModels = ({ data, models }: Report): readonly KeyFigure[] => {
  const best = models.reduce((a, b) => (b.top1 > a.top1 ? b : a))
  const smallest = models.reduce((a, b) => (b.params < a.params ? b : a))
  const top1 = ({ top1: mean, std }: ModelResult): string => percentSpread({ mean, std: std.top1 })
  const teacher = data.stages.find(({ role }) => role === 'teacher')?.summary['top1']
  return [
    [top1(best), `best: ${nameOf(best)}, ${count(best.params)} parameters`],
    [count(smallest.params), `parameters of the smallest, ${smallest.name}: ${top1(smallest)}`],
    ...(typeof teacher === 'number' && data.experiment.kind === 'pipeline'
      ? [[percent(teacher), 'the teacher'] as const]
      : []),
    [String(models.length), data.experiment.kind === 'suite' ? `models of ${data.experiment.cells} cells` : 'models'],
  ]
}

/** At most so many figures stand at the top of a page without models. */
const mostKeys = 6

const keyFiguresOfStages = ({ data, results }: Report): readonly KeyFigure[] => {
  if (data.experiment.kind === 'suite') return [[String(data.experiment.cells), 'cells']]
  const own = ownFigures(results.cells)
  const figures = results.cells.flatMap(mainNamedFigures)
  return [
    ...figures.filter(({ figure }) => own.includes(figure)),
    ...figures.filter(({ figure }) => !own.includes(figure)),
  ]
    .slice(0, mostKeys)
    .map((figure) => [valueText(figure), figure.figure])
}

const keyFigures = (report: Report): string => {
  const { data, models } = report
  const ms = sumOf(data.stages.map(({ made }) => made?.ms ?? 0))
  const done = data.stages.filter(({ made }) => made !== null).length
  const asked = sumOf(data.stages.map(({ cells }) => cells.length))
  const items: readonly KeyFigure[] = [
    ...(models.length > 0 ? keyFiguresOfModels(report) : keyFiguresOfStages(report)),
    [
      duration(ms),
      `of computing: ${done} distinct stages` +
        `${asked > data.stages.length ? ` for ${asked} asked for` : ''}` +
        `${done < data.stages.length ? `, ${data.stages.length - done} missing` : ''}`,
    ],
  ]
  const list = items.map(
    ([value, says]) => `<li><strong>${escapeXml(value)}</strong><span>${escapeXml(says)}</span></li>`,
  )
  return `<ul class="key">${list.join('')}</ul>`
}

/** The appendix names at most so many cells of a stage. */
const mostCells = 12

/** The appendix shows at most so many stages; the page's JSON has all. */
const mostStages = 200

const listCells = (cells: readonly string[]): string => {
  const shown = cells.slice(0, mostCells).join('; ')
  return cells.length > mostCells ? `${shown}; and ${cells.length - mostCells} more` : shown
}

const engineOf = ({ engine }: StageRecord): string =>
  engine === null ? 'none' : `${engine.engine} on ${engine.device}, ${versionList(engine.versions)}`

const stageHtml = (stage: StageRecord, isSuite: boolean): string => {
  const { name, kind, made, fingerprint, content, reads, cells, params, summary, machine } = stage
  const facts: readonly Fact[] = [
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
            `${made.at} in ${duration(made.ms)}, run ${made.run}, Node ${made.node}, ${made.platform}, ` +
              `threads ${made.threads}`,
          ] as const,
        ]),
    ...(Object.keys(summary).length === 0 ? [] : [['summary', JSON.stringify(summary)] as const]),
  ]
  const key = `<code>${fingerprint?.slice(0, 12) ?? 'not run'}</code>`
  const summaryHtml = `${escapeXml(name)} <span class="muted">${escapeXml(kind)} · ${key}</span>`
  const paramsHtml = escapeXml(JSON.stringify(params, null, 2))
  return `<details><summary>${summaryHtml}</summary>${factList(facts)}<pre>${paramsHtml}</pre></details>`
}

const leftOut = (stages: readonly StageRecord[]): string =>
  stages.length > mostStages
    ? `<p class="muted">Shown are the first ${mostStages} of ${stages.length} stages; the table above lists all, ` +
      'and the data of this page have the parameters of all.</p>\n'
    : ''

/** The exact parameters, fingerprint, engine and versions of every stage. */
export const appendix = ({ stages, experiment }: ReportData): string =>
  `<section id="appendix"><h2>Appendix: exact parameters</h2>
<p class="muted">Every distinct stage with its parameters, defaults filled in (the seed is one of them), and what identifies its artifact.</p>
${leftOut(stages)}${stages
    .slice(0, mostStages)
    .map((stage) => stageHtml(stage, experiment.kind === 'suite'))
    .join('\n')}</section>`

/** JSON that no HTML parser mistakes for markup. */
const embedded = (data: unknown): string =>
  JSON.stringify(data).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028')

const sectionHtml = (section: ReportSection, { figures, tables }: PageContent): string => {
  const parts = [
    ...figures.filter((figure) => figure.section === section).map(figureHtml),
    ...tables.filter((table) => table.section === section).map(tableHtml),
  ]
  return parts.length === 0 ? '' : `<section id="${section}"><h2>${titles[section]}</h2>${parts.join('\n')}</section>`
}

const order = (kind: 'pipeline' | 'suite'): readonly ReportSection[] =>
  kind === 'suite'
    ? ['ablation', 'accuracy', 'figures', 'storage', 'training', 'stages']
    : ['accuracy', 'figures', 'storage', 'training', 'stages']

/** The page. Its element `<script type="application/json" id="data">` holds the whole ReportData. */
export const renderPage = (content: PageContent): string => {
  const { report } = content
  const { experiment } = report.data
  const sections = order(experiment.kind)
    .map((section) => [section, sectionHtml(section, content)] as const)
    .filter(([, html]) => html !== '')
  const links = sections.map(([section]) => `<a href="#${section}">${titles[section]}</a>`)
  const missing = report.groups.flatMap((group) => group.missing)
  const gap =
    missing.length === 0
      ? ''
      : `<p><strong>Not complete:</strong> of ${plural(missing.length, 'cell')} something has not run. ` +
        'What is missing is left out of means, and marked.</p>'
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeXml(experiment.name)} · genepool</title>
<style>${pageStyle}</style>
</head>
<body>
<header><h1>${escapeXml(experiment.name)}</h1><button id="theme" type="button" hidden></button>
${experiment.question === null ? '' : `<p class="question">${escapeXml(experiment.question)}</p>`}
${experimentFacts(report)}</header>
<nav aria-label="Sections">${links.join('')}<a href="#appendix">Appendix</a></nav>
<main>
${keyFigures(report)}${experiment.kind === 'suite' ? gap : ''}
${sections.map(([, html]) => html).join('\n')}
${appendix(report.data)}
</main>
<footer>Written by genepool ${escapeXml(report.data.genepool)}. All numbers of this page are in it as JSON (the element <code>#data</code>).</footer>
<div id="tip" role="status" hidden></div>
<script type="application/json" id="data">${embedded(report.data)}</script>
<script>${pageScript}</script>
</body>
</html>
`
}
