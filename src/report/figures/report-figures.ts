/** The figures of a report, with their titles and captions. */
import { axesOf, groupResults, groupsBy, otherAxesOf } from '../../results/experiment-results.js'
import { figureLongTitle, mainFigures, ownFigures } from '../../results/figures.js'
import { sentence } from '../../results/format.js'
import { type CellGroup, comparisonNote, groupCells, type GroupResult } from '../../results/group-results.js'
import { modelsOfGroup } from '../../results/model-results.js'
import type { Cost } from '../../results/pareto.js'
import { batchesOf } from '../../results/model-row.js'
import { figureSplits, modelSplits } from '../../results/result-columns.js'
import { onImages, splitWords } from '../../results/splits.js'
import { leastOf, meanOf } from '../../results/statistics.js'
import { costTitle } from '../drawing/axes.js'
import type { Drawing } from '../drawing/plot.js'
import type { Picture } from '../drawing/svg.js'
import type { Report } from '../report-data.js'
import type { StageRecord } from '../stage-records.js'
import { accuracyFigure, type ReferenceModel } from './accuracy.js'
import { frontsFigure, type ModelFamily, panelsFigure } from './fronts.js'
import { intervalFigure, intervalsLeftOut } from './intervals.js'
import { lossFigure, type LossPanel, validatedPanels, validationFigure } from './loss-curves.js'
import { stageGraphFigure } from './stage-graph.js'
import { storageFigure } from './storage.js'

export type ReportSection = 'accuracy' | 'ablation' | 'figures' | 'storage' | 'training' | 'stages'

export interface ReportFigure {
  /** File name without ending, and the page's anchor. */
  readonly id: string
  readonly section: ReportSection
  readonly title: string
  readonly caption: string
  readonly wide: Picture
  readonly narrow: Picture
}

const wideWidth = 960

const narrowWidth = 348

/** Of so many figures of the user's own stages at most there is a drawing each; the table has all. */
const mostOwn = 12

/** With more cells than this the panel of each would be too small to read, so there are none. */
const mostPanels = 48

/** Bars more than this many times longer than the shortest are left out of the drawing; the table has them. */
const mostScale = 12

/** An axis with more labels than this is not told apart by colour: there are no more colours. */
const mostColours = 8

type Draft = Omit<ReportFigure, 'wide' | 'narrow'>

const both = (draft: Draft, draw: (width: number) => Picture): ReportFigure => ({
  ...draft,
  wide: draw(wideWidth),
  narrow: draw(narrowWidth),
})

const numberIn = ({ summary }: StageRecord, name: string): number | undefined =>
  typeof summary[name] === 'number' ? summary[name] : undefined

/** The teacher, and of a pipeline alone its students and anchors as they were before the pool was tuned. */
const referencesOf = ({ data }: Report): readonly ReferenceModel[] => {
  const kinds = data.experiment.kind === 'suite' ? ['teacher'] : ['teacher', 'distill', 'anchor']
  const roles = [...new Set(data.stages.filter(({ kind }) => kinds.includes(kind)).map(({ role }) => role))]
  return roles.flatMap((role) => {
    const stages = data.stages.filter((stage) => stage.role === role)
    const figures = ['params', 'macs', 'top1'].map((name) => stages.flatMap((stage) => numberIn(stage, name) ?? []))
    if (figures.some((values) => values.length === 0)) return []
    const [params, macs, top1] = figures.map(meanOf)
    const name = role === 'teacher' ? role : `${role.replace(/^.*\//, '')} alone`
    return [{ name, params: params, macs: macs, top1: top1 }]
  })
}

/** How latency was measured, as the first stage that measured it says. */
const describeTiming = ({ data }: Report): string => {
  const stage = data.stages.find(({ kind, made }) => kind === 'latency' && made !== null)
  if (stage === undefined) return ''
  const [warmup, rounds, threads] = ['warmup', 'rounds', 'threads'].map((name) => numberIn(stage, name))
  const engine = stage.engine === null ? '' : `, ${stage.engine.engine} on ${stage.engine.device}`
  const machine = stage.machine === null ? '' : `, ${stage.machine.device ?? stage.machine.processor}`
  return ` Median of ${rounds} passes after ${warmup} to warm up${engine}${machine}, threads: ${threads}.`
}

/** `Test top-1`, by what the models were measured on; what was trained alone was measured on the test images. */
const describeScore = ({ results }: Report, references: readonly ReferenceModel[]): string => {
  const splits = modelSplits(results.cells)
  const score = `${splitWords(splits)} top-1`
  const isMixed = splits.includes('validation') && references.length > 0
  return `${score.charAt(0).toUpperCase()}${score.slice(1)}${isMixed ? ' (test top-1 of what was trained alone)' : ''}`
}

const accuracyFigures = (drawing: Drawing, report: Report): readonly ReportFigure[] => {
  const { data, models } = report
  if (models.length === 0) return []
  const [axis] = Object.entries(data.experiment.axes).find(([, labels]) => labels.length <= mostColours) ?? []
  const isSuite = data.experiment.kind === 'suite'
  const references = referencesOf(report)
  const figure = (cost: Cost, batch: number, id: string, title: string): ReportFigure =>
    both(
      {
        id,
        section: 'accuracy',
        title,
        caption:
          `${describeScore(report, references)} against ${costTitle(cost, batch)}. ` +
          'The line is the best that a budget buys.' +
          (cost === 'latency' ? describeTiming(report) : '') +
          (isSuite
            ? ` A point is one model of one cell, averaged over seeds${axis === undefined ? '' : `; colours: ${axis}`}.`
            : ''),
      },
      (width) =>
        accuracyFigure(drawing, {
          models,
          references,
          cost,
          batch,
          width,
          named: isSuite ? axis === undefined && report.groups.length <= mostColours : true,
          ...(isSuite && axis !== undefined ? { colourBy: axis } : {}),
        }),
    )
  return [
    figure('params', 1, 'accuracy-params', 'Accuracy and parameters'),
    figure('macs', 1, 'accuracy-macs', 'Accuracy and multiply-accumulates'),
    ...batchesOf(models).map((batch) =>
      figure('latency', batch, `accuracy-latency-${batch}`, `Accuracy and latency, batch ${batch}`),
    ),
  ]
}

/** The first axis whose labels have a colour each. */
const colouredAxis = ({ experiment }: Report['results']): string | undefined =>
  Object.keys(experiment.axes).find((axis) => experiment.axes[axis].length <= mostColours)

const intervalCaption = (figure: string, groups: readonly GroupResult[], { cells }: Report['results']): string => {
  const leftOut = intervalsLeftOut(groups)
  const spread = 'Dots are means, bands one sample standard deviation, ticks single measurements.'
  const about = [figureLongTitle(figure), onImages(figureSplits(figure, cells))]
    .filter((each) => each !== '')
    .join(', ')
  return [sentence(about), spread, leftOut].filter((each) => each !== '').join(' ')
}

const ablationFigures = (drawing: Drawing, { results, groups }: Report): readonly ReportFigure[] => {
  const axes = axesOf(results)
  const [main] = mainFigures(groups, results.cells)
  if (results.experiment.kind === 'pipeline' || main === undefined) return []
  const colourBy = colouredAxis(results)
  const familiesOf = (cellGroups: readonly CellGroup[]): readonly ModelFamily[] =>
    cellGroups
      .map((group) => ({ at: group.at, models: modelsOfGroup(group) }))
      .filter(({ models }) => models.length > 0)
  /** A sentence where the values of an axis are not over all their cells, with a space before it. */
  const compared = (by: readonly string[]): string => {
    const note = comparisonNote(groupResults(results, by), otherAxesOf(results, by))
    return note === undefined ? '' : ` ${sentence(note)}`
  }
  const marginal = axes.filter((axis) => axes.length > 1 && results.experiment.axes[axis].length > 1)
  const families = familiesOf(groupCells(results.cells, axes))
  const intervals = (id: string, title: string, by?: string): readonly ReportFigure[] => {
    const own = by === undefined ? groups : groupResults(results, [by])
    const [figure] = mainFigures(own, results.cells)
    if (figure === undefined) return []
    const caption = intervalCaption(figure, own, results)
    return [
      both(
        { id, section: 'ablation', title, caption: `${caption}${by === undefined ? '' : compared([by])}` },
        (width) => intervalFigure(drawing, { groups: own, figure, width, colourBy: by ?? colourBy }),
      ),
    ]
  }
  return [
    ...intervals('ablation', 'All cells'),
    ...marginal.flatMap((axis) => intervals(`ablation-by-${axis}`, `By ${axis}`, axis)),
    ...(families.length === 0 ? [] : axes.length > 1 ? marginal : axes)
      .filter((axis) => results.experiment.axes[axis].length <= mostColours)
      .map((axis) =>
        both(
          {
            id: `curves-by-${axis}`,
            section: 'ablation',
            title: `Accuracy over parameters, by ${axis}`,
            caption:
              'Each model averaged over the cells of the value. Lines: the best that a budget buys; ' +
              'bands: one sample standard deviation.' +
              compared([axis]),
          },
          (width) => frontsFigure(drawing, familiesOf(groupsBy(results, [axis])), width),
        ),
      ),
    ...(families.length > 1 && families.length <= mostPanels
      ? [
          both(
            {
              id: 'cells',
              section: 'ablation',
              title: 'Every cell',
              caption:
                'Top-1 (%) over parameters of each cell, averaged over seeds, before the fronts of all others in grey.',
            },
            (width) => panelsFigure(drawing, families, width),
          ),
        ]
      : []),
  ]
}

/** Of a suite, the figures of the user's own stages that are not the main one of the ablation, cell by cell. */
const ownStageFigures = (drawing: Drawing, { results, groups }: Report): readonly ReportFigure[] => {
  if (results.experiment.kind === 'pipeline') return []
  const [main] = mainFigures(groups, results.cells)
  const measured = new Set(groups.flatMap(({ figures }) => Object.keys(figures)))
  const own = ownFigures(results.cells).filter((figure) => measured.has(figure) && figure !== main)
  const colourBy = colouredAxis(results)
  return own.slice(0, mostOwn).map((figure, index) =>
    both(
      {
        id: `figure-${index + 1}-${figure.replace(/[^\w.-]+/g, '-')}`,
        section: 'figures',
        title: figureLongTitle(figure),
        caption: intervalCaption(figure, groups, results),
      },
      (width) => intervalFigure(drawing, { groups, figure, width, colourBy }),
    ),
  )
}

/** The items that fit one scale: all models kept one by one may take a hundred times the place of a pool. */
const shownStorage = (items: Report['data']['storage']): Report['data']['storage'] => {
  const least = leastOf(items.map(({ params }) => params))
  return items.filter(({ params }) => params <= mostScale * least)
}

const lossPanels = (stages: readonly StageRecord[]): readonly LossPanel[] => {
  const panels = new Map<string, LossPanel & { readonly curves: { name: string; history: StageRecord['history'] }[] }>()
  for (const { name, role, kind, history } of stages) {
    if (history.length === 0) continue
    const title = kind === 'single' ? 'single models' : role
    const panel = panels.get(title) ?? { title, curves: [] }
    panel.curves.push({ name, history })
    panels.set(title, panel)
  }
  return [...panels.values()]
}

/** Every figure that there are data for, in the order of the page. */
export const drawFigures = async (drawing: Drawing, report: Report): Promise<readonly ReportFigure[]> => {
  const { data } = report
  const panels = lossPanels(data.stages)
  const validated = validatedPanels(panels)
  const isSuite = data.experiment.kind === 'suite'
  const graph = {
    id: 'stage-graph',
    section: 'stages',
    title: 'Who reads whom',
    caption: isSuite
      ? 'Distinct stages by their part in a cell, with the time that computing them took in all.'
      : 'Each stage with the time that computing it took.',
  } as const
  return [
    ...accuracyFigures(drawing, report),
    ...ablationFigures(drawing, report),
    ...ownStageFigures(drawing, report),
    ...(data.storage.length === 0
      ? []
      : [
          both(
            {
              id: 'storage',
              section: 'storage',
              title: 'What is stored',
              caption: 'Parameters of all weights that are kept. Pale bars are counted, not trained.',
            },
            (width) => storageFigure(drawing, shownStorage(data.storage), width),
          ),
        ]),
    ...(panels.length === 0
      ? []
      : [
          both(
            {
              id: 'loss',
              section: 'training',
              title: 'Loss of every training stage',
              caption: 'Mean training loss of each epoch.',
            },
            (width) => lossFigure(drawing, panels, width),
          ),
        ]),
    ...(validated.length === 0
      ? []
      : [
          both(
            {
              id: 'validation',
              section: 'training',
              title: 'Validation of every training stage',
              caption:
                'Top-1 (%) on the validation images after each epoch; of a stitched pool the mean of a few descendants.',
            },
            (width) => validationFigure(drawing, validated, width),
          ),
        ]),
    {
      ...graph,
      wide: await stageGraphFigure(data.stages, isSuite, wideWidth),
      narrow: await stageGraphFigure(data.stages, isSuite, narrowWidth),
    },
  ]
}
