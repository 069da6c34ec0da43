/** Accuracy over parameters for each value of an axis, or for each cell: the Pareto front with its spread. */
import { type AxisLabels, shortLabels } from '../../results/group-results.js'
import type { ModelResult } from '../../results/model-results.js'
import { paretoFront } from '../../results/pareto.js'
import { costAxis, evenTicks, percentDomain } from '../drawing/axes.js'
import type { Drawing, DrawnPlot } from '../drawing/plot.js'
import { element, legend, type Picture, shortened, stack, text, tile } from '../drawing/svg.js'
import { colour, type ColourRole, seriesRole } from '../drawing/theme.js'
import { describeModel, point } from '../drawing/points.js'

/** The models of one group: of one value of an axis, or of one cell over its seeds. */
export interface ModelFamily {
  readonly at: AxisLabels
  readonly models: readonly ModelResult[]
}

/** With more points than this whiskers are drawn paler, because they overlap. */
const manyPoints = 60

interface Step {
  readonly x: number
  readonly y: number
  readonly low: number
  readonly high: number
}

const stepsOf = (models: readonly ModelResult[]): readonly Step[] =>
  paretoFront(models, 'params', 'top1').map(({ params, top1, std }) => ({
    x: params,
    y: 100 * top1,
    low: 100 * (top1 - (std.top1 ?? 0)),
    high: 100 * (top1 + (std.top1 ?? 0)),
  }))

/** Extends the last step to the end of the axis. */
const untilEnd = (steps: readonly Step[], end: number): readonly Step[] => {
  const last = steps.at(-1)
  return last === undefined ? [] : [...steps, { ...last, x: end }]
}

interface Frame {
  readonly plot: (marks: (drawing: Drawing, end: number) => unknown[]) => DrawnPlot
}

interface FrameOptions {
  readonly width: number
  readonly height: number
  /** Of one of several panels, whose axes the caption names: lines of the title that stands in their names' place. */
  readonly titleLines?: number
}

const frame = (
  drawing: Drawing,
  models: readonly ModelResult[],
  { width, height, titleLines = 0 }: FrameOptions,
): Frame => {
  const isPanel = titleLines > 0
  const xs = costAxis(
    models.map(({ params }) => params),
    'params',
    1,
    width < 200 ? 3 : width < 300 ? 4 : width < 500 ? 5 : 9,
  )
  const domain = percentDomain(models.flatMap(({ top1, std }) => [top1 - (std.top1 ?? 0), top1 + (std.top1 ?? 0)]))
  return {
    plot: (marksOf) =>
      drawing.plot({
        width,
        height,
        marginLeft: isPanel ? 42 : 48,
        marginRight: 12,
        marginTop: isPanel ? 8 + 15 * titleLines : 26,
        marginBottom: isPanel ? 26 : 44,
        x: {
          ...xs.options,
          label: isPanel ? null : xs.label,
          labelAnchor: 'center',
          labelArrow: 'none',
        },
        y: {
          domain: [...domain],
          ...evenTicks(...domain, isPanel ? 4 : 7),
          label: isPanel ? null : 'top-1, %',
          grid: true,
          labelArrow: 'none',
        },
        marks: marksOf(drawing, xs.domain[1]) as never[],
      }),
  }
}

const stepLine = ({ marks }: Drawing, steps: readonly Step[], role: ColourRole, width: number, opacity = 1): unknown =>
  marks.line([...steps], {
    x: 'x',
    y: 'y',
    curve: 'step-after',
    stroke: colour(role),
    strokeWidth: width,
    strokeOpacity: opacity,
  })

const stepBand = ({ marks }: Drawing, steps: readonly Step[], role: ColourRole): unknown =>
  marks.areaY([...steps], { x: 'x', y1: 'low', y2: 'high', curve: 'step-after', fill: colour(role), fillOpacity: 0.14 })

/** One standard deviation up and down from a point. */
const whisker = (plot: DrawnPlot, { top1, std }: ModelResult, role: ColourRole, opacity: number): string => {
  if (std.top1 === null || std.top1 === 0) return ''
  const reach = plot.y.apply(100 * (top1 - std.top1)) - plot.y.apply(100 * top1)
  return element('line', { x1: 0, x2: 0, y1: -reach, y2: reach, stroke: colour(role), 'stroke-opacity': opacity })
}

/** All families in one figure: for each the front, its spread as a band, and every model. */
export const frontsFigure = (drawing: Drawing, families: readonly ModelFamily[], width: number): Picture => {
  const models = families.flatMap((family) => family.models)
  const options = { width, height: width < 500 ? 300 : 400 }
  const plot = frame(drawing, models, options).plot((with_, end) =>
    families.flatMap(({ models: own }, index) => {
      const steps = untilEnd(stepsOf(own), end)
      return [stepBand(with_, steps, seriesRole(index)), stepLine(with_, steps, seriesRole(index), 2)]
    }),
  )
  const points = families.flatMap(({ models: own }, index) =>
    own.map((model) =>
      point(
        plot.x.apply(model.params),
        plot.y.apply(100 * model.top1),
        whisker(plot, model, seriesRole(index), models.length > manyPoints ? 0.18 : 0.4) +
          element('circle', { r: 2.6, fill: colour(seriesRole(index)), 'fill-opacity': model.dominated ? 0.6 : 1 }),
        describeModel(model),
      ),
    ),
  )
  const entries = families.map(({ at }, index) => ({
    label: shortLabels(at),
    symbol: element('line', { x1: -7, x2: 7, y1: 0, y2: 0, stroke: colour(seriesRole(index)), 'stroke-width': 2.5 }),
  }))
  return stack([legend(entries, width), { ...plot, body: plot.body + points.join('') }], 6)
}

/** A panel for each family, its front before those of all others in grey. */
export const panelsFigure = (drawing: Drawing, families: readonly ModelFamily[], width: number): Picture => {
  const gap = 14
  const columns = width < 500 ? 2 : Math.min(4, families.length)
  const each = (width - gap * (columns - 1)) / columns
  const all = families.flatMap((family) => family.models)
  const titles = families.map(({ at }) => shortLabels(at).split(', '))
  const titleLines = titles.some(({ length }) => length > 1) ? 2 : 1
  const framed = frame(drawing, all, { width: each, height: width < 500 ? 170 : 180, titleLines })
  const fronts = families.map(({ models }) => stepsOf(models))
  const panels = families.map(({ models }, index): Picture => {
    const plot = framed.plot((with_, end) => [
      ...fronts.flatMap((steps, other) => (other === index ? [] : [stepLine(with_, untilEnd(steps, end), 'faint', 1)])),
      stepBand(with_, untilEnd(fronts[index], end), 'c1'),
      stepLine(with_, untilEnd(fronts[index], end), 'c1', 2),
    ])
    const points = models.map((model) =>
      point(
        plot.x.apply(model.params),
        plot.y.apply(100 * model.top1),
        element('circle', { r: 2.2, fill: colour('c1'), 'fill-opacity': model.dominated ? 0.45 : 1 }),
        describeModel(model),
      ),
    )
    const [first = '', ...rest] = titles[index]
    const title =
      text(0, 12, shortened(first, each - 4), { 'font-weight': 600 }) +
      text(0, 27, shortened(rest.join(', '), each - 4), { fill: colour('muted') })
    return { ...plot, body: plot.body + points.join('') + title }
  })
  return tile(panels, columns, gap)
}
