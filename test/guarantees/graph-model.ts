/**
 * Random graphs of cheap stages, and what they must come to: a pure model that knows nothing of stores, hashes or
 * processes. A stage's value is a function of its helper, parameter, file and inputs; it has to be computed exactly
 * when this combination never was.
 */
import type { Generator } from '../../src/stages/data/random.js'

export interface ModelStage {
  readonly name: string
  /** Names of stages before it. */
  readonly inputs: readonly string[]
  readonly helper: number
  readonly param: number
  /** What its file holds; null: it reads none. */
  readonly file: number | null
}

export interface ModelGraph {
  readonly stages: readonly ModelStage[]
  /** Version of each helper: what it adds. */
  readonly helpers: readonly number[]
  /** Versions of what no result depends on: a comment, a function that nobody calls. */
  readonly comment: number
  readonly unreached: number
  /** Which executions throw this time, a seventh of all; null: none. */
  readonly failing: number | null
}

export const helperCount = 3
/** Small, so that different inputs often lead to equal values: early cutoff has to happen. */
const modulus = 5

/** What the stage leaves, given its inputs' values in order. */
export const valueOf = (graph: ModelGraph, stage: ModelStage, inputs: readonly number[]): number =>
  (inputs.reduce((sum, value) => sum * 2 + value, 0) + graph.helpers[stage.helper] + stage.param + (stage.file ?? 0)) %
  modulus

export interface Expected {
  /** By stage; absent where it fails or reads something that does. */
  readonly values: ReadonlyMap<string, number>
  /** What has to be executed, by key: each key once, whatever number of stages has it. */
  readonly executed: ReadonlySet<string>
  /** Those of them that throw. */
  readonly failing: ReadonlySet<string>
}

/** Everything that was computed successfully so far, by key. */
export type Computed = Set<string>

const keyOf = (graph: ModelGraph, stage: ModelStage, inputs: readonly number[]): string =>
  JSON.stringify([stage.helper, graph.helpers[stage.helper], stage.param, stage.file, inputs])

const isFailing = (graph: ModelGraph, key: string): boolean =>
  graph.failing !== null && [...key].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) % 7 === graph.failing

/** What a build must do and give; adds to `computed` what it computes. */
export const expectedOf = (graph: ModelGraph, computed: Computed): Expected => {
  const values = new Map<string, number>()
  const executed = new Set<string>()
  const failing = new Set<string>()
  for (const stage of graph.stages) {
    const inputs = stage.inputs.map((name) => values.get(name))
    if (inputs.some((value) => value === undefined)) continue
    const known = inputs as number[]
    const key = keyOf(graph, stage, known)
    if (!computed.has(key)) {
      executed.add(key)
      if (isFailing(graph, key)) {
        failing.add(key)
        continue
      }
      computed.add(key)
    }
    values.set(stage.name, valueOf(graph, stage, known))
  }
  return { values, executed, failing }
}

const drawStage = (random: Generator, index: number): ModelStage => ({
  name: `s${index}`,
  inputs: Array.from({ length: index }, (_, before) => `s${before}`)
    .filter(() => random.uniform() < Math.min(1, 2.5 / (index + 1)))
    .slice(0, 4),
  helper: random.integer(helperCount),
  param: random.integer(4),
  file: random.integer(3) === 0 ? random.integer(4) : null,
})

export const drawGraph = (random: Generator): ModelGraph => ({
  stages: Array.from({ length: 2 + random.integer(9) }, (_, index) => drawStage(random, index)),
  helpers: Array.from({ length: helperCount }, () => random.integer(4)),
  comment: 0,
  unreached: 0,
  failing: null,
})

const change = (graph: ModelGraph, index: number, part: Partial<ModelStage>): ModelGraph => ({
  ...graph,
  stages: graph.stages.map((stage, at) => (at === index ? { ...stage, ...part } : stage)),
})

/** One edit, as a person makes them. */
export const drawEdit = (random: Generator, graph: ModelGraph): ModelGraph => {
  const index = random.integer(graph.stages.length)
  switch (random.integer(9)) {
    case 0:
      return change(graph, index, { param: random.integer(4) })
    case 1:
      return change(graph, index, { file: random.integer(4) })
    case 2:
      return change(graph, index, { helper: random.integer(helperCount) })
    case 3:
      return { ...graph, helpers: graph.helpers.map((it, at) => (at === index % helperCount ? random.integer(4) : it)) }
    case 4:
      return change(graph, index, { inputs: drawStage(random, index).inputs })
    case 5:
      return { ...graph, failing: graph.failing === null ? random.integer(7) : null }
    case 6:
      return { ...graph, comment: graph.comment + 1 }
    case 7:
      return { ...graph, unreached: graph.unreached + 1 }
    default:
      return { ...graph, stages: [...graph.stages, drawStage(random, graph.stages.length)] }
  }
}
