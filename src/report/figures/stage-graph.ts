/** The graph of an experiment's stages, with the time that each took, drawn from top to bottom. */
import { extentOf, largestOf, sumOf } from '../../results/statistics.js'
import { duration, plural } from '../../results/format.js'
import type { StageRecord } from '../stage-records.js'
import { element, fontSize, legend, type Picture, shortened, stack, text, textWidth } from '../drawing/svg.js'
import { colour, type ColourRole } from '../drawing/theme.js'
import { point } from '../drawing/points.js'

/** One box: the distinct stages with one role in their cells, `distill/tiny`, or all single models. */
interface Part {
  readonly name: string
  readonly stages: readonly StageRecord[]
  readonly reads: ReadonlySet<string>
}

/** The graph is not made smaller than this, so that its text stays readable. */
const leastScale = 0.85

/** More single models than this share one box. */
const manySingles = 3

const partsOf = (stages: readonly StageRecord[]): readonly Part[] => {
  const singles = new Set(stages.filter(({ kind }) => kind === 'single').map(({ role }) => role))
  const nameOf = ({ kind, role }: StageRecord): string =>
    kind === 'single' && singles.size > manySingles ? 'single models' : role
  const partOf = new Map(stages.map((stage) => [stage.name, nameOf(stage)]))
  const parts = new Map<string, { readonly stages: StageRecord[]; readonly reads: Set<string> }>()
  for (const stage of stages) {
    const part = parts.get(nameOf(stage)) ?? { stages: [], reads: new Set() }
    part.stages.push(stage)
    for (const read of stage.reads) part.reads.add(partOf.get(read)!)
    parts.set(nameOf(stage), part)
  }
  return [...parts].map(([name, part]) => ({ name, ...part }))
}

const linesOf = ({ stages }: Part, isSuite: boolean): readonly string[] => {
  const made = stages.flatMap(({ made: each }) => (each === null ? [] : [each.ms]))
  const missing = stages.length - made.length
  const time = made.length === 0 ? '' : duration(sumOf(made))
  // Stages in the store show their time, so only the others need a word.
  const state = missing === 0 ? '' : missing === stages.length ? 'not run' : `${missing} not run`
  const shared = new Set(stages.flatMap(({ cells }) => cells)).size
  return [
    ...(isSuite || stages.length > 1 ? [`${stages.length} for ${plural(shared, 'cell')}`] : []),
    [time, state].filter((word) => word !== '').join(' · '),
  ]
}

const describePart = ({ name, stages }: Part): string => {
  const first = stages[0]
  const more = stages.length > 1 ? `${stages.length} distinct stages` : (first.fingerprint ?? 'not in the store')
  return `${name} (${first.kind})\n${more}`
}

const roleOf = ({ stages }: Part): ColourRole =>
  stages.every(({ made }) => made !== null) ? 'c3' : stages.some(({ made }) => made !== null) ? 'c5' : 'c2'

const box = (part: Part, lines: readonly string[], width: number, height: number): string => {
  const role = roleOf(part)
  const inner = width - 18
  return [
    element('rect', {
      x: -width / 2,
      y: -height / 2,
      width,
      height,
      rx: 6,
      fill: colour('paper'),
      stroke: colour(role),
      'stroke-width': 1.5,
    }),
    text(0, -height / 2 + 18, shortened(part.name, inner), { 'text-anchor': 'middle', 'font-weight': 600 }),
    ...lines.map((line, index) =>
      text(0, -height / 2 + 34 + 15 * index, shortened(line, inner, fontSize), {
        'text-anchor': 'middle',
        fill: colour('muted'),
      }),
    ),
  ].join('')
}

/** An edge of the layout: from `v` to `w`. */
interface EdgeKey {
  readonly v: string
  readonly w: string
}

interface Spot {
  readonly x: number
  readonly y: number
}

const pathPoint = ({ x, y }: Spot): string => `${x.toFixed(1)} ${y.toFixed(1)}`

/** A smooth line through these points. */
const edgePath = (points: readonly Spot[]): string => {
  const [first, ...rest] = points
  const middles = rest.slice(0, -1).map((spot, index) => {
    const next = rest[index + 1]
    const end = index === rest.length - 2 ? next : { x: (spot.x + next.x) / 2, y: (spot.y + next.y) / 2 }
    return `Q${pathPoint(spot)} ${pathPoint(end)}`
  })
  return `M${pathPoint(first)}${middles.length === 0 ? `L${pathPoint(rest.at(-1)!)}` : middles.join('')}`
}

interface Box extends Spot {
  readonly width: number
  readonly height: number
}

const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value))

/** Lets an edge leave its first box at the bottom and enter the second at the top, which the layout does not ensure. */
const fromTopToBottom = (points: readonly Spot[], from: Box, to: Box): readonly Spot[] => {
  const inner = points.slice(1, -1)
  const end = (box: Box, towards: Spot, side: 1 | -1): Spot => ({
    x: clamp(towards.x, box.x - box.width / 2 + 14, box.x + box.width / 2 - 14),
    y: box.y + (side * box.height) / 2,
  })
  return [end(from, inner[0] ?? to, 1), ...inner, end(to, inner.at(-1) ?? from, -1)]
}

const arrow = ({ x, y }: Spot): string => {
  const [left, tip, right] = [
    { x: x - 3.5, y: y - 6 },
    { x, y },
    { x: x + 3.5, y: y - 6 },
  ].map(pathPoint)
  return element('path', { d: `M${left}L${tip}L${right}Z`, fill: colour('muted') })
}

export const stageGraphFigure = async (
  stages: readonly StageRecord[],
  isSuite: boolean,
  width: number,
): Promise<Picture> => {
  const { Graph, layout } = await import('@dagrejs/dagre')
  const isNarrow = width < 500
  const parts = partsOf(stages)
  const lines = new Map(parts.map((part) => [part.name, linesOf(part, isSuite)]))
  const graph = new Graph()
  graph.setGraph({
    rankdir: 'TB',
    nodesep: isNarrow ? 8 : 22,
    ranksep: 34,
    edgesep: isNarrow ? 6 : 12,
    marginx: 1,
    marginy: 1,
  })
  graph.setDefaultEdgeLabel(() => ({}))
  const widestBox = isNarrow ? 130 : 190
  for (const part of parts) {
    const own = lines.get(part.name)!
    const widest = Math.max(textWidth(part.name) * 1.06, ...own.map((line) => textWidth(line)))
    graph.setNode(part.name, { width: Math.min(widestBox, Math.max(84, widest + 20)), height: 28 + 15 * own.length })
  }
  for (const { name, reads } of parts) for (const read of reads) graph.setEdge(read, name)
  layout(graph)
  const paths: readonly (readonly Spot[])[] = graph.edges().map((edge: EdgeKey) => {
    const laid = graph.edge(edge) as { readonly points: readonly Spot[] }
    return fromTopToBottom(laid.points, graph.node(edge.v) as Box, graph.node(edge.w) as Box)
  })
  const edges = paths.map(
    (points) =>
      element('path', { d: edgePath(points), fill: 'none', stroke: colour('muted'), 'stroke-opacity': 0.65 }) +
      arrow(points.at(-1)!),
  )
  const nodes = parts.map(({ name }) => graph.node(name) as Box)
  const boxes = parts.map((part, index) => {
    const { x, y, width: boxWidth, height } = nodes[index]
    return point(x, y, box(part, lines.get(part.name)!, boxWidth, height), describePart(part))
  })
  // The layout's own width does not count the bends of edges.
  const xs = [
    ...paths.flat().map(({ x }) => x),
    ...nodes.flatMap((node) => [node.x - node.width / 2, node.x + node.width / 2]),
  ]
  const [least, most] = extentOf(xs)
  const [left, right] = [least - 2, most + 2]
  const bottom = largestOf(nodes.map((node) => node.y + node.height / 2)) + 2
  // A graph that is a little too wide is made smaller; one that is much too wide scrolls.
  const scale = Math.min(1, Math.max(leastScale, width / (right - left)))
  const transform = `scale(${scale.toFixed(3)}) translate(${(-left).toFixed(1)} 0)`
  const body = element('g', { transform }, ...edges, ...boxes)
  const drawn = { width: scale * (right - left), height: scale * bottom, body }
  const symbol = (role: ColourRole): string =>
    element('rect', {
      x: -6,
      y: -5,
      width: 12,
      height: 10,
      rx: 2,
      fill: 'none',
      stroke: colour(role),
      'stroke-width': 1.5,
    })
  const used = new Set(parts.map(roleOf))
  const entries = (
    [
      ['c3', 'all in the store'],
      ['c5', 'some in the store'],
      ['c2', 'would run'],
    ] as const
  ).flatMap(([role, label]) => (used.has(role) ? [{ label, symbol: symbol(role) }] : []))
  return stack([legend(entries, Math.max(drawn.width, Math.min(width, 320))), drawn], 8)
}
