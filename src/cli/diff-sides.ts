/** The two sides of `genepool diff`: a pipeline, a cell of a suite, or a recorded run. */
import * as Effect from 'effect/Effect'
import type { ComparedStage } from '../runtime/difference.js'
import { UsageError } from '../runtime/errors.js'
import type { RunEvent } from '../runtime/events.js'
import type { PreparedStage } from '../runtime/prepare.js'
import { readRun, type RunRecord } from '../runtime/run-log.js'
import { Store, type Manifest } from '../runtime/store.js'
import { inspect, type InspectFlags } from './inspect.js'
import { isFile, parseTarget } from './target.js'

export interface Side {
  /** As it was named. */
  readonly target: string
  /** Of the pipeline; of a run, of what it ran. */
  readonly name: string
  readonly stages: ReadonlyMap<string, ComparedStage>
  /** Stages that have not run as the definition stands, or of which the run has nothing. */
  readonly without: readonly string[]
}

export type SideFlags = Omit<InspectFlags, 'pipeline' | 'only'>

const stageOfDefinition = (stage: PreparedStage, manifests: ReadonlyMap<object, Manifest>): ComparedStage => {
  const { node } = stage
  const manifest = manifests.get(node)
  const inputs = Object.entries(node.inputs)
  const known = inputs.flatMap(([input, from]) => {
    const content = manifests.get(from)?.content
    return content === undefined ? [] : [[input, content] as const]
  })
  return {
    name: node.name,
    identity: manifest?.identity ?? stage.identify(Object.fromEntries(known)),
    summary: manifest?.summary,
    unknownInputs: inputs.flatMap(([input, from]) => (manifests.has(from) ? [] : [input])),
    unknownSources: stage.missing !== undefined,
    stageOf: Object.fromEntries(inputs.map(([input, from]) => [input, from.name])),
    pathOf: Object.fromEntries(Object.entries(stage.sources).map(([source, { path }]) => [source, path])),
  }
}

const sideOfDefinition = Effect.fnUntraced(function* (target: string, flags: SideFlags) {
  const { graph, prepared, plan } = yield* inspect({ ...flags, pipeline: target })
  if (graph.kind === 'suite') {
    return yield* new UsageError({
      message: `${target} is a suite of ${graph.cells.length} cells: name the one to compare`,
      hint: `write ${target}#${graph.cells[0]!.name}`,
    })
  }
  const stages = new Map(
    prepared.stages.map((stage) => [stage.node.name, stageOfDefinition(stage, plan.manifests)] as const),
  )
  const without = plan.stages.filter(({ status }) => status !== 'cached').map(({ stage }) => stage)
  return { target, name: graph.name, stages, without } satisfies Side
})

type StageEvent = Extract<RunEvent, { readonly stage: string }>

const sideOfRun = Effect.fnUntraced(function* (record: RunRecord) {
  const store = yield* Store
  const started = record.events.find((event) => event.type === 'run-started')
  const stages = new Map<string, ComparedStage>()
  const without: string[] = []
  const fingerprints = new Map<string, string | undefined>()
  for (const event of record.events) {
    if (event.type === 'stage-finished' || event.type === 'stage-cached') {
      fingerprints.set(event.stage, event.fingerprint)
    } else if (event.type === 'stage-failed' || event.type === 'stage-skipped' || event.type === 'stage-interrupted') {
      fingerprints.set((event satisfies StageEvent).stage, undefined)
    }
  }
  for (const [name, fingerprint] of fingerprints) {
    const manifest = fingerprint === undefined ? undefined : yield* store.lookup(fingerprint)
    if (manifest === undefined) without.push(name)
    stages.set(name, {
      name,
      identity: manifest?.identity,
      summary: manifest?.summary,
      unknownInputs: [],
      unknownSources: false,
      stageOf: {},
      pathOf: {},
    })
  }
  return { target: record.run, name: started?.pipeline ?? '', stages, without } satisfies Side
})

/** Fails with a UsageError where the target is neither a definition nor a run of the store. */
export const readSide = Effect.fnUntraced(function* (target: string, flags: SideFlags) {
  const { file } = parseTarget(target)
  if (isFile(file)) return yield* sideOfDefinition(target, flags)
  const record = yield* readRun(target)
  if (record !== undefined) return yield* sideOfRun(record)
  return yield* new UsageError({
    message: `'${target}' is neither a file nor a run in ${flags.store}`,
    hint: `genepool runs --store ${flags.store} lists the runs; a cell is FILE#init=learned,seed=0`,
  })
})
