/**
 * What every training stage's history has by epoch: one panel a stage, in a suite with the curves of all its cells.
 */
import { largestOf, leastOf } from '../../results/statistics.js'
import { evenTicks } from '../drawing/axes.js'
import type { Drawing } from '../drawing/plot.js'
import { element, legend, type Picture, shortened, stack, text, tile } from '../drawing/svg.js'
import { colour, seriesRole } from '../drawing/theme.js'
import type { StageRecord } from '../stage-records.js'

interface Curve {
  /** The stage in its cell: the title of the curve. */
  readonly name: string
  readonly history: StageRecord['history']
}

export interface LossPanel {
  readonly title: string
  readonly curves: readonly Curve[]
}

/** Columns of a history that are not parts of the loss. */
const notLoss = new Set(['epoch', 'lr', 'step', 'loss', 'seconds', 'validationTop1'])

const partTitle = (part: string): string => (part === 'validationLoss' ? 'validation loss' : part)

const partsOf = ({ curves }: LossPanel): readonly string[] =>
  curves.length === 1 ? Object.keys(curves[0].history[0] ?? {}).filter((key) => !notLoss.has(key)) : []

/** The colour of each part, the same in every panel. */
const partRoles = (panels: readonly LossPanel[]): ReadonlyMap<string, ReturnType<typeof seriesRole>> =>
  new Map([...new Set(panels.flatMap(partsOf))].map((part, index) => [part, seriesRole(index + 1)]))

/** What of the history a panel shows; the first of it stands out. */
interface Shown {
  readonly columns: readonly string[]
  readonly roles: ReturnType<typeof partRoles>
  /** A loss is shown from 0 on, a share in per cent from the least on. */
  readonly isShare: boolean
}

const drawPanel = (
  drawing: Drawing,
  panel: LossPanel,
  { columns: [main, ...others], roles, isShare }: Shown,
  width: number,
): Picture => {
  const { marks } = drawing
  const height = 190
  const isOne = panel.curves.length === 1
  const series = panel.curves.flatMap(({ name, history }, index) =>
    [main!, ...others].map((part) => ({
      key: `${index} ${part}`,
      stroke: colour(part === main ? 'c1' : roles.get(part)!),
      weight: part === main ? (isOne ? 2 : 1) : 1.25,
      opacity: isOne ? 1 : Math.max(0.25, Math.min(0.8, 6 / panel.curves.length)),
      says: `${name}${part === main ? '' : `, ${partTitle(part)}`}`,
      points: history
        .map((line, at) => ({ epoch: line['epoch'] ?? at + 1, value: (line[part] ?? NaN) * (isShare ? 100 : 1) }))
        .filter((each): each is { epoch: number; value: number } => Number.isFinite(each.value)),
    })),
  )
  const all = series.flatMap(({ points }) => points)
  if (all.length === 0) return { width, height: 0, body: '' }
  const epochs = largestOf(all.map(({ epoch }) => epoch))
  const [least, most] = [leastOf(all.map(({ value }) => value)), largestOf(all.map(({ value }) => value))]
  const room = Math.max(0.1, (most - least) * 0.06)
  const [low, high] = isShare ? [Math.max(0, least - room), Math.min(100, most + room)] : [0, most * 1.04 || 1]
  const step = Math.max(1, Math.ceil(epochs / 6))
  const ticks = Array.from({ length: epochs }, (_, index) => index + 1).filter(
    (epoch) => epoch === 1 || epoch % step === 0,
  )
  const plot = drawing.plot({
    width,
    height,
    marginLeft: 44,
    marginRight: 10,
    marginTop: 26,
    marginBottom: 32,
    x: {
      type: 'linear',
      domain: epochs === 1 ? [0.5, 1.5] : [1, epochs],
      ticks: epochs === 1 ? [1] : ticks,
      tickFormat: String,
      label: 'epoch',
      labelAnchor: 'right',
      labelArrow: 'none',
      labelOffset: 30,
    },
    y: { domain: [low, high], ...evenTicks(low, high, 4), label: null, grid: true },
    marks: series.flatMap(({ points, stroke, weight, opacity, says }) => [
      marks.line(points, {
        x: 'epoch',
        y: 'value',
        stroke,
        strokeWidth: weight,
        strokeOpacity: opacity,
        title: () => says,
      }),
      ...(epochs <= 12
        ? [marks.dot(points, { x: 'epoch', y: 'value', r: weight + 0.5, fill: stroke, fillOpacity: opacity })]
        : []),
    ]),
  })
  const more = isOne ? '' : ` (${panel.curves.length} stages)`
  const title = text(0, 12, shortened(`${panel.title}${more}`, width), { 'font-weight': 600 })
  return { width, height, body: plot.body + title }
}

const drawPanels = (
  drawing: Drawing,
  panels: readonly LossPanel[],
  shownOf: (panel: LossPanel) => Shown,
  width: number,
): Picture => {
  const columns = width < 500 ? 1 : panels.length === 1 ? 1 : panels.length === 2 || panels.length === 4 ? 2 : 3
  const gap = 18
  const each = columns === 1 ? Math.min(width, 480) : (width - gap * (columns - 1)) / columns
  const drawn = panels.map((panel) => drawPanel(drawing, panel, shownOf(panel), each))
  return tile(
    drawn.filter((panel) => panel.height > 0),
    columns,
    gap,
  )
}

export const lossFigure = (drawing: Drawing, panels: readonly LossPanel[], width: number): Picture => {
  const roles = partRoles(panels)
  const line = (role: Parameters<typeof colour>[0], weight: number): string =>
    element('line', { x1: -7, x2: 7, y1: 0, y2: 0, stroke: colour(role), 'stroke-width': weight })
  const entries = [
    { label: 'loss', symbol: line('c1', 2) },
    ...[...roles].map(([part, role]) => ({ label: partTitle(part), symbol: line(role, 1.25) })),
  ]
  const shown = (panel: LossPanel): Shown => ({ columns: ['loss', ...partsOf(panel)], roles, isShare: false })
  return stack([legend(entries, width), drawPanels(drawing, panels, shown, width)], 12)
}

/** Those of the stages that were scored after every epoch. */
export const validatedPanels = (panels: readonly LossPanel[]): readonly LossPanel[] =>
  panels.flatMap((panel) => {
    const curves = panel.curves.filter(({ history }) => history.some((line) => line['validationTop1'] !== undefined))
    return curves.length === 0 ? [] : [{ ...panel, curves }]
  })

/** Top-1 on the validation images, in per cent. */
export const validationFigure = (drawing: Drawing, panels: readonly LossPanel[], width: number): Picture => {
  const shown: Shown = { columns: ['validationTop1'], roles: new Map(), isShare: true }
  return drawPanels(drawing, panels, () => shown, width)
}
