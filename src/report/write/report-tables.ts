/** The tables of a report, each as HTML for the page, CSV for a spreadsheet and Markdown for a text. */
import { type DataColumn, renderCsv, renderMarkdown } from '../../results/data-table.js'
import { axesOf, otherAxesOf } from '../../results/experiment-results.js'
import { figuresOfGroups, hasModels, mainFigures, mainNamedFigures, ownFigures } from '../../results/figures.js'
import { count, duration, sentence, sentences } from '../../results/format.js'
import { comparisonNote, type GroupResult } from '../../results/group-results.js'
import type { ModelResult } from '../../results/model-results.js'
import { paretoFront } from '../../results/pareto.js'
import {
  dominatedLegend,
  figureColumns,
  figureLegend,
  groupColumns,
  groupCsvColumns,
  modelColumns,
  scoreLegend,
  withSpreadColumns,
} from '../../results/result-columns.js'
import { escapeXml } from '../drawing/svg.js'
import type { ReportSection } from '../figures/report-figures.js'
import type { Report, ReportData } from '../report-data.js'
import type { StageRecord } from '../stage-records.js'

export interface ReportTable {
  readonly id: string
  readonly section: ReportSection
  readonly title: string
  readonly note: string
  readonly rows: number
  readonly html: string
  readonly csv: string
  readonly markdown: string
}

const htmlTable = <Row>(
  columns: readonly DataColumn<Row>[],
  rows: readonly Row[],
  classOf: (row: Row) => string,
): string => {
  const align = ({ align: side }: DataColumn<Row>): string => (side === 'left' ? ' class="l"' : '')
  const head = columns.map((column) => `<th scope="col"${align(column)}>${escapeXml(column.title)}</th>`).join('')
  const body = rows.map((row) => {
    const cells = columns.map((column) => `<td${align(column)}>${escapeXml(column.cell(row))}</td>`).join('')
    const own = classOf(row)
    return `<tr${own === '' ? '' : ` class="${own}"`}>${cells}</tr>`
  })
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table>`
}

interface TableDraft<Row> {
  readonly id: string
  readonly section: ReportSection
  readonly title: string
  readonly note?: string
  readonly columns: readonly DataColumn<Row>[]
  /** Columns of the CSV file, where they differ. */
  readonly csvColumns?: readonly DataColumn<Row>[]
  readonly rows: readonly Row[]
  readonly classOf?: (row: Row) => string
}

const makeTable = <Row>(draft: TableDraft<Row>): ReportTable => {
  const { id, section, title, note = '', columns, csvColumns = columns, rows, classOf = () => '' } = draft
  const html = htmlTable(columns, rows, classOf)
  return {
    id,
    section,
    title,
    note,
    rows: rows.length,
    html,
    csv: renderCsv(csvColumns, rows),
    markdown: renderMarkdown(columns, rows),
  }
}

const modelTables = ({ results, models, data }: Report): readonly ReportTable[] => {
  const isSuite = data.experiment.kind === 'suite'
  if (models.length === 0) return []
  const options = { axes: axesOf(results), spread: isSuite, stored: !isSuite }
  const columns = modelColumns(models, options)
  const csvColumns = isSuite ? withSpreadColumns(modelColumns(models, { ...options, stored: true })) : columns
  const classOf = ({ dominated }: ModelResult): string => (dominated ? 'dominated' : '')
  const on = scoreLegend(models, results.cells)
  const note = sentences([...on, ...(models.some(({ dominated }) => dominated) ? [dominatedLegend] : [])])
  const all = {
    id: 'models',
    section: 'accuracy',
    title: 'All models',
    note,
    columns,
    csvColumns,
    rows: models,
    classOf,
  } as const
  if (!isSuite) return [makeTable(all)]
  const front = paretoFront(models, 'params', 'top1')
  return [
    makeTable({
      id: 'front',
      section: 'accuracy',
      title: 'The front over all cells',
      note: sentences(on),
      columns: columns.filter(({ key }) => key !== 'dominated'),
      csvColumns,
      rows: front,
    }),
    makeTable(all),
  ]
}

const groupTables = ({ results, groups, data }: Report): readonly ReportTable[] => {
  if (data.experiment.kind === 'pipeline') return []
  const axes = axesOf(results)
  const shown = mainFigures(groups, results.cells)
  const on = figureLegend(shown, results.cells)
  const all = figuresOfGroups(groups)
  const compared = (axis: string, rows: readonly GroupResult[]): string => {
    const note = comparisonNote(rows, otherAxesOf(results, [axis]))
    return note === undefined ? '' : sentence(note)
  }
  const over = (what: string): string => sentences([`mean ± sample standard deviation over n ${what}`, ...on])
  return [
    makeTable({
      id: 'cells-table',
      section: 'ablation',
      title: 'All cells',
      note: over('seeds'),
      columns: groupColumns(axes, shown),
      csvColumns: groupCsvColumns(axes, all),
      rows: groups,
    }),
    ...Object.entries(axes.length > 1 ? data.by : {}).map(([axis, rows]) =>
      makeTable({
        id: `by-${axis}`,
        section: 'ablation',
        title: `By ${axis}`,
        note: [over('measurements: seeds and all other axes'), compared(axis, rows)].join(' ').trim(),
        columns: groupColumns([axis], shown),
        csvColumns: groupCsvColumns([axis], all),
        rows,
      }),
    ),
  ]
}

/** What stages give besides the models that they measure; of a suite only what the table of all cells has not. */
const figureTables = ({ results, groups, data }: Report): readonly ReportTable[] => {
  const about = { id: 'figures', section: 'figures' } as const
  if (data.experiment.kind === 'pipeline') {
    const main = results.cells.flatMap(mainNamedFigures)
    const rows = main.length > 0 || hasModels(results.cells) ? main : data.figures
    return rows.length === 0 ? [] : [makeTable({ ...about, title: 'Each figure', columns: figureColumns(rows), rows })]
  }
  const all = figuresOfGroups(groups)
  const shown = mainFigures(groups, results.cells)
  const own = ownFigures(results.cells).filter((figure) => all.includes(figure) && !shown.includes(figure))
  if (own.length === 0) return []
  const axes = axesOf(results)
  return [
    makeTable({
      ...about,
      title: 'All cells',
      columns: groupColumns(axes, own),
      csvColumns: groupCsvColumns(axes, own),
      rows: groups,
    }),
  ]
}

const storageColumns: readonly DataColumn<ReportData['storage'][number]>[] = [
  { key: 'name', title: 'kept', cell: ({ name }) => name, raw: ({ name }) => name, align: 'left' },
  { key: 'blocks', title: 'blocks', cell: ({ blocks }) => String(blocks), raw: ({ blocks }) => blocks },
  { key: 'params', title: 'parameters', cell: ({ params }) => count(params), raw: ({ params }) => params },
  {
    key: 'parts',
    title: 'of which',
    cell: ({ parts }) => parts.map(({ name, params }) => `${name}: ${count(params)}`).join(', '),
    raw: ({ parts }) => parts.map(({ name, params }) => `${name}: ${params}`).join(', '),
    align: 'left',
  },
]

const words = { cached: 'in the store', run: 'not run', maybe: 'not run' } as const

const stageColumns: readonly DataColumn<StageRecord>[] = [
  { key: 'stage', title: 'stage', cell: ({ name }) => name, raw: ({ name }) => name, align: 'left' },
  { key: 'kind', title: 'kind', cell: ({ kind }) => kind, raw: ({ kind }) => kind, align: 'left' },
  { key: 'status', title: 'state', cell: ({ status }) => words[status], raw: ({ status }) => status, align: 'left' },
  {
    key: 'ms',
    title: 'time',
    cell: ({ made }) => (made === null ? '–' : duration(made.ms)),
    raw: ({ made }) => made?.ms ?? null,
  },
  { key: 'cells', title: 'cells', cell: ({ cells }) => String(cells.length), raw: ({ cells }) => cells.length },
  {
    key: 'fingerprint',
    title: 'fingerprint',
    cell: ({ fingerprint }) => fingerprint?.slice(0, 12) ?? '–',
    raw: ({ fingerprint }) => fingerprint,
    align: 'left',
  },
]

/** Every table, in the order of the page. */
export const makeTables = (report: Report): readonly ReportTable[] => {
  const { data } = report
  return [
    ...groupTables(report),
    ...modelTables(report),
    ...figureTables(report),
    ...(data.storage.length === 0
      ? []
      : [
          makeTable({
            id: 'storage-table',
            section: 'storage',
            title: 'What is stored',
            columns: storageColumns,
            rows: data.storage,
          }),
        ]),
    makeTable({
      id: 'stages-table',
      section: 'stages',
      title: 'Distinct stages',
      columns: stageColumns,
      rows: data.stages,
    }),
  ]
}
