/**
 * What a definition asks for, as one graph: the stages of a pipeline, or those of all cells of a suite, of which stages
 * that are the same (kind, parameters and inputs, all the way up) are there once.
 */
import * as Effect from 'effect/Effect'
import { mapValues } from '../../base/objects.js'
import type { AxisLabel, CellNode, PipelineNode, StageNode, SuiteNode } from '../../dsl/nodes.js'
import { canonical } from '../canonical.js'
import { UsageError } from '../errors.js'
import { sentenceOf } from '../../base/errors.js'
import { nameStages, type SharedStage } from './stage-names.js'
import { isUserStageNode, repeatedCalls } from './user-stage.js'

/** One pipeline within the graph. */
export interface GraphCell {
  /** `init=learned,seed=1`; empty for a pipeline alone. */
  readonly name: string
  /** Axis → label; empty for a pipeline alone. */
  readonly at: Readonly<Record<string, AxisLabel>>
  readonly seed: number
  readonly pipeline: PipelineNode
  /** The graph's stage behind each of the pipeline's, by its name in the pipeline. */
  readonly stages: ReadonlyMap<string, StageNode>
}

export interface StageGraph {
  readonly kind: 'pipeline' | 'suite'
  readonly name: string
  readonly axes: Readonly<Record<string, readonly AxisLabel[]>>
  readonly seeds: readonly number[]
  /** Places of `stage(…)` calls that were made several times, in any cell of the suite. */
  readonly repeatedCalls: ReadonlySet<string>
  /** Stages from which all others are reached. */
  readonly roots: readonly StageNode[]
  /** One for a pipeline alone. */
  readonly cells: readonly GraphCell[]
  /** The cell that this pipeline is of the suite in its file, where it is one. */
  readonly cellName?: string
  /** Where it is remembered which fingerprints its stages had: of which definition, and under other names than here. */
  readonly remembered: { readonly as: string; readonly names: ReadonlyMap<string, string> }
}

/** All stages reachable from the roots, each once, as they are first met. */
export const reachable = (roots: readonly StageNode[]): readonly StageNode[] => {
  const seen = new Set<StageNode>()
  const pending = [...roots].reverse()
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (seen.has(node)) continue
    seen.add(node)
    pending.push(...Object.values(node.inputs).reverse())
  }
  return [...seen]
}

const byName = (nodes: readonly StageNode[]): ReadonlyMap<string, StageNode> =>
  new Map(nodes.map((node) => [node.name, node]))

const aloneCell = (pipeline: PipelineNode): GraphCell => ({
  name: '',
  at: {},
  seed: pipeline.seed,
  pipeline,
  stages: byName(reachable(pipeline.stages)),
})

const noNames: ReadonlyMap<string, string> = new Map()

const pipelineGraph = (pipeline: PipelineNode): StageGraph => ({
  kind: 'pipeline',
  name: pipeline.name,
  axes: {},
  seeds: [pipeline.seed],
  repeatedCalls: repeatedCalls([pipeline]),
  roots: pipeline.stages,
  cells: [aloneCell(pipeline)],
  remembered: { as: pipeline.name, names: noNames },
})

/** A stage of some cells while the graph is being built; inputs are there before it. */
interface Shared extends SharedStage {
  readonly cells: Map<CellNode, string>
  readonly node: StageNode
  readonly inputs: Readonly<Record<string, Shared>>
}

class SharedStages {
  /** In an order in which inputs come first. */
  readonly all: Shared[] = []
  readonly #byKey = new Map<string, Shared>()
  readonly #ids = new Map<Shared, number>()
  readonly #ofNode = new Map<StageNode, Shared>()
  readonly #open = new Set<StageNode>()

  /** The shared stage that the node stands for. */
  of(node: StageNode): Shared {
    const known = this.#ofNode.get(node)
    if (known !== undefined) return known
    if (this.#open.has(node)) throw new Error(`stage '${node.name}' needs its own artifact`)
    this.#open.add(node)
    const inputs = mapValues(node.inputs, (from) => this.of(from))
    const own = isUserStageNode(node) ? [node.call.name, { ...node.call.place }, { ...node.sources }] : []
    const from = mapValues(inputs, (input) => this.#ids.get(input)!)
    const key = canonical([node.kind, node.params, from, ...own], node.name)
    const shared = this.#byKey.get(key) ?? this.#add(key, node, inputs)
    this.#ofNode.set(node, shared)
    return shared
  }

  #add(key: string, node: StageNode, inputs: Readonly<Record<string, Shared>>): Shared {
    const shared: Shared = { cells: new Map(), node, inputs }
    this.#ids.set(shared, this.all.length)
    this.#byKey.set(key, shared)
    this.all.push(shared)
    return shared
  }
}

const suiteGraph = (suite: SuiteNode): StageGraph => {
  const sharing = new SharedStages()
  const stagesOf = suite.cells.map((cell) => {
    const nodes = reachable(cell.pipeline.stages)
    const own = new Map(nodes.map((node) => [node.name, sharing.of(node)]))
    if (own.size < nodes.length) throw new Error(`cell ${cell.name} has two stages of one name`)
    for (const [name, { cells }] of own) {
      const other = cells.get(cell)
      if (other === undefined || name < other) cells.set(cell, name)
    }
    return own
  })
  const names = nameStages(sharing.all, { ...suite.axes, seed: suite.seeds })
  const nodes = new Map<Shared, StageNode>()
  for (const shared of sharing.all) {
    const inputs = mapValues(shared.inputs, (input) => nodes.get(input)!)
    nodes.set(shared, { ...shared.node, name: names.get(shared)!, inputs })
  }
  return {
    kind: 'suite',
    name: suite.name,
    axes: suite.axes,
    seeds: suite.seeds,
    repeatedCalls: repeatedCalls(suite.cells.map(({ pipeline }) => pipeline)),
    roots: [...nodes.values()],
    cells: suite.cells.map(({ name, at, seed, pipeline }, index) => ({
      name,
      at,
      seed,
      pipeline,
      stages: new Map([...stagesOf[index]!].map(([stage, shared]) => [stage, nodes.get(shared)!])),
    })),
    remembered: { as: suite.name, names: noNames },
  }
}

/** Fails with a UsageError where a suite's stages cannot be compared. */
export const stageGraph = (definition: PipelineNode | SuiteNode): Effect.Effect<StageGraph, UsageError> =>
  definition.kind === 'pipeline'
    ? Effect.succeed(pipelineGraph(definition))
    : Effect.try({
        try: () => suiteGraph(definition),
        catch: (cause) => new UsageError({ message: `suite '${definition.name}': ${sentenceOf(cause)}`, cause }),
      })

/** One cell as a pipeline alone; what is remembered of the suite's stages is remembered of its own. */
export const cellGraph = (suite: StageGraph, cell: GraphCell): StageGraph => ({
  ...pipelineGraph({ ...cell.pipeline, name: `${suite.name}#${cell.name}` }),
  cellName: cell.name,
  repeatedCalls: suite.repeatedCalls,
  remembered: { as: suite.name, names: new Map([...cell.stages].map(([name, node]) => [name, node.name])) },
})
