/** Accuracy against cost: every model, the Pareto front, single models by name. */
import { largestOf } from '../../results/statistics.js'
import { count, percent } from '../../results/format.js'
import type { ModelResult } from '../../results/model-results.js'
import { costOf, paretoFront, type Cost } from '../../results/pareto.js'
import { costAxis, evenTicks, percentDomain } from '../drawing/axes.js'
import type { Drawing } from '../drawing/plot.js'
import { drawLabels, type LabelWish, placeInCorner, placeLabels } from '../drawing/labels.js'
import { legend, type LegendEntry, type Picture, stack } from '../drawing/svg.js'
import { colour, type ColourRole, seriesRole } from '../drawing/theme.js'
import { circle, describeModel, diamond, point } from '../drawing/points.js'

/** A model that was measured before anything was stitched: the teacher, a student, an anchor. */
export interface ReferenceModel {
  readonly name: string
  readonly params: number
  readonly macs: number
  readonly top1: number
}

export interface AccuracyOptions {
  readonly models: readonly ModelResult[]
  readonly references: readonly ReferenceModel[]
  readonly cost: Cost
  readonly batch: number
  readonly width: number
  /** Axis whose labels get colours of their own. */
  readonly colourBy?: string
  /** Whether single models have their names beside them. */
  readonly named: boolean
}

interface Mark {
  readonly price: number
  readonly top1: number
  readonly symbol: string
  readonly says: string
  readonly label?: string
}

/** A reference that costs so many times the dearest model would squeeze all others: it gets a line, not a point. */
const farFactor = 2.5

const describeReference = ({ name, params, macs, top1 }: ReferenceModel): string =>
  `${name}\ntop-1 ${percent(top1)}\n${count(params)} params, ${count(macs)} MACs`

/** Its parameters or MACs; undefined for latency, which is not measured for references. */
const countedCost = (reference: ReferenceModel, cost: Cost): number | undefined =>
  cost === 'latency' ? undefined : reference[cost]

interface Priced {
  readonly model: ModelResult
  readonly price: number
}

const pricedModels = ({ models, cost, batch }: AccuracyOptions): readonly Priced[] =>
  models.flatMap((model) => {
    const price = costOf(model, cost, batch)
    return price === undefined ? [] : [{ model, price }]
  })

const isSingle = (model: ModelResult): boolean => model.models.length === 1

/** In the order of drawing, the most important on top: dominated models, the front, single models. */
const modelMarks = (
  priced: readonly Priced[],
  front: ReadonlySet<ModelResult>,
  labels: readonly unknown[],
  { colourBy, named }: AccuracyOptions,
): readonly Mark[] => {
  const rank = ({ model }: Priced): number => (isSingle(model) ? 2 : front.has(model) ? 1 : 0)
  const roleOf = (model: ModelResult, otherwise: ColourRole): ColourRole =>
    colourBy === undefined ? otherwise : seriesRole(labels.indexOf(model.at[colourBy]))
  return [...priced]
    .sort((a, b) => rank(a) - rank(b))
    .map(({ model, price }) => ({
      price,
      top1: model.top1,
      says: describeModel(model),
      symbol: isSingle(model) ? diamond(roleOf(model, 'c2'), true) : circle(roleOf(model, 'c1'), front.has(model)),
      ...(isSingle(model) && named ? { label: model.name } : {}),
    }))
}

const legendOf = (labels: readonly unknown[], hasReferences: boolean): readonly LegendEntry[] => [
  ...(labels.length === 0
    ? [
        { label: 'Pareto front', symbol: circle('c1', true) },
        { label: 'other stitched models', symbol: circle('c1', false) },
        { label: 'single models of the pool, tuned', symbol: diamond('c2', true) },
      ]
    : [
        ...labels.map((label, index) => ({ label: String(label), symbol: circle(seriesRole(index), true) })),
        { label: 'filled: Pareto front of all cells', symbol: circle('ink', true) },
        { label: 'single models', symbol: diamond('ink', true) },
      ]),
  ...(hasReferences ? [{ label: 'trained alone, not stitched', symbol: diamond('ink', false) }] : []),
]

const everyTen = (from: number, to: number): readonly number[] => {
  const way = Math.sign(to - from)
  return Array.from({ length: Math.floor(Math.abs(to - from) / 10) }, (_, at) => from + 10 * at * way)
}

/** Points along the line of the front, every ten units, so that labels avoid the line. */
const along = (steps: readonly { readonly x: number; readonly y: number }[]) =>
  steps.slice(1).flatMap((step, index) => {
    const before = steps[index]
    return [
      ...everyTen(before.x, step.x).map((x) => ({ x, y: before.y })),
      ...everyTen(before.y, step.y).map((y) => ({ x: step.x, y })),
    ]
  })

export const accuracyFigure = (drawing: Drawing, options: AccuracyOptions): Picture => {
  const { cost, batch, width, colourBy } = options
  const priced = pricedModels(options)
  const dearest = largestOf(priced.map(({ price }) => price))
  const isNear = (one: ReferenceModel): boolean => (countedCost(one, cost) ?? Infinity) <= farFactor * dearest
  const near = options.references.filter(isNear)
  const far = options.references.filter((one) => !isNear(one) && one.name === 'teacher')
  const ranked = priced.map(({ model }) => model)
  const front = paretoFront(ranked, cost, 'top1', batch)
  const labels = colourBy === undefined ? [] : [...new Set(ranked.map(({ at }) => at[colourBy]))]
  const drawn: readonly Mark[] = [
    ...modelMarks(priced, new Set(front), labels, options),
    ...near.map((one) => ({
      price: countedCost(one, cost)!,
      top1: one.top1,
      symbol: diamond('ink', false),
      says: describeReference(one),
      label: one.name,
    })),
  ]

  const isNarrow = width < 500
  const xs = costAxis(
    drawn.map(({ price }) => price),
    cost,
    batch,
    isNarrow ? 5 : 9,
  )
  const domain = percentDomain([...drawn, ...far].map(({ top1 }) => top1))
  const height = isNarrow ? 300 : 420
  const margins = { marginLeft: 48, marginRight: 16, marginTop: 26, marginBottom: 44 }
  const steps = front.map((model) => ({ x: costOf(model, cost, batch)!, y: 100 * model.top1 }))
  const line = steps.length === 0 ? [] : [...steps, { x: xs.domain[1], y: steps.at(-1)!.y }]
  const { marks } = drawing
  const plot = drawing.plot({
    width,
    height,
    ...margins,
    x: { ...xs.options, label: xs.label, labelAnchor: 'center', labelArrow: 'none' },
    y: {
      domain: [...domain],
      ...evenTicks(...domain, 7),
      label: 'top-1, %',
      grid: true,
      labelArrow: 'none',
    },
    marks: [
      marks.ruleY(far, { y: (one: ReferenceModel) => 100 * one.top1, stroke: colour('muted'), strokeDasharray: '4 4' }),
      marks.line(line, {
        x: 'x',
        y: 'y',
        curve: 'step-after',
        stroke: colour('c1'),
        strokeOpacity: 0.55,
        strokeWidth: 1.5,
      }),
    ],
  })

  const spot = ({ price, top1 }: Mark) => ({ x: plot.x.apply(price), y: plot.y.apply(100 * top1) })
  const wishes = drawn.flatMap((mark): readonly LabelWish[] =>
    mark.label === undefined ? [] : [{ ...spot(mark), label: mark.label }],
  )
  const covered = [
    ...drawn.map((mark) => ({ ...spot(mark), isSymbol: true })),
    ...along(line.map(({ x, y }) => ({ x: plot.x.apply(x), y: plot.y.apply(y) }))),
  ]
  const bounds = { left: margins.marginLeft + 6, right: width - 4, top: 4, bottom: height - margins.marginBottom - 2 }
  const farLabels = far.map((one) => {
    const [size, unit] = cost === 'macs' ? [one.macs, 'MACs'] : [one.params, 'params']
    const label = `${one.name} ${percent(one.top1)}${isNarrow ? '' : ` (${count(size)} ${unit})`}`
    return placeInCorner(label, plot.y.apply(100 * one.top1), covered, bounds)
  })
  const names = drawLabels([...farLabels, ...placeLabels(wishes, covered, bounds, farLabels)])
  const points = drawn.map((mark) => point(spot(mark).x, spot(mark).y, mark.symbol, mark.says))
  const picture = { width, height, body: plot.body + points.join('') + names }
  return stack([legend(legendOf(labels, near.length > 0), width), picture], 6)
}
