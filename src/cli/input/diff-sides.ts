/** The two sides of `genepool diff`: a pipeline, a cell of a suite, or a recorded run. */
import * as Effect from 'effect/Effect'
import { mapValues } from '../../base/objects.js'
import { readCodeRecord } from '../../runtime/code/record-store.js'
import { isInCell, parseStageName } from '../../runtime/definition/find-stage.js'
import { UsageError } from '../../runtime/errors.js'
import type { RunEvent } from '../../runtime/events.js'
import type { ComparedStage } from '../../runtime/plan/difference.js'
import type { PreparedStage } from '../../runtime/plan/prepare.js'
import type { CodeRecords } from '../../runtime/plan/reasons.js'
import type { RecordedEnvironment } from '../../runtime/records/run-environment.js'
import { findRun, type RunRecord } from '../../runtime/records/run-log.js'
import { notStored } from '../../runtime/store/find-store.js'
import { type Manifest, Store } from '../../runtime/store/store.js'
import { type ArtifactFlags, inspect } from './inspect.js'
import { isFile, parseTarget } from './target.js'

export interface Side {
  /** As it was named. */
  readonly target: string
  /** The name of the pipeline, or of what the run ran. */
  readonly name: string
  readonly stages: ReadonlyMap<string, ComparedStage>
  /** The code that a digest in the identities of its stages stands for. */
  readonly recordOf: CodeRecords
  /** Stages that have not run as the definition stands, or of which the run has nothing. */
  readonly without: readonly string[]
  /** Of a run of a whole suite, whose stages have names of its own: `teacher[seed=1]`. */
  readonly ofSuite?: boolean
  /** Of a suite's cell as it stands, what the suite calls its stages. */
  readonly inSuite?: ReadonlyMap<string, string>
  /** Only of a run whose record holds it. */
  readonly environment?: RecordedEnvironment
}

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
    stageOf: mapValues(node.inputs, ({ name }) => name),
    pathOf: mapValues(stage.sources, ({ path }) => path),
  }
}

const sideOfDefinition = Effect.fnUntraced(function* (target: string, flags: ArtifactFlags) {
  const { graph, prepared, plan } = yield* inspect({ ...flags, pipeline: target })
  if (graph.kind === 'suite') {
    return yield* new UsageError({
      message: `${target} is a suite of ${graph.cells.length} cells: name the one to compare`,
      hint: `write ${target}#${graph.cells[0].name}`,
    })
  }
  const stages = new Map(
    prepared.stages.map((stage) => [stage.node.name, stageOfDefinition(stage, plan.manifests)] as const),
  )
  const without = prepared.stages.flatMap(({ node }) => (plan.manifests.has(node) ? [] : [node.name]))
  // What was remembered by its digest alone is read again.
  for (const { codeEntry, codeWithout } of prepared.stages) {
    yield* Effect.promise(() => prepared.code.recordOf(codeEntry, codeWithout))
  }
  const recordOf: CodeRecords = (digest) => prepared.code.record(digest)
  return { target, name: graph.name, stages, recordOf, without, inSuite: graph.remembered.names } satisfies Side
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
    const manifest = fingerprint === undefined ? undefined : store.lookup(fingerprint)
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
  const ofSuite = started?.suite !== undefined
  const recordOf: CodeRecords = (digest) => readCodeRecord(store.root, digest)
  const environment = record.environment === undefined ? {} : { environment: record.environment }
  const about = { target: record.run, name: started?.pipeline ?? '' }
  return { ...about, stages, recordOf, without, ofSuite, ...environment } satisfies Side
})

/** Fails with a UsageError where the target is neither a definition nor a run of the store. */
const readSide = Effect.fnUntraced(function* (target: string, flags: ArtifactFlags) {
  const { file } = parseTarget(target)
  if (isFile(file)) return yield* sideOfDefinition(target, flags)
  const record = yield* findRun(target)
  if (record !== undefined) return yield* sideOfRun(record)
  return yield* notStored({
    message: `'${target}' is neither a file nor a run in ${flags.store}`,
    hint: `genepool runs --store ${flags.store} lists the runs; a cell is FILE#init=learned,seed=0`,
  })
})

/** The labels of a cell, `teachers#lr=0.1,seed=0` of the suite `teachers`; undefined for what is no cell of it. */
const labelsOf = (name: string, suite: string): Readonly<Record<string, string>> | undefined => {
  if (!name.startsWith(`${suite}#`)) return undefined
  const parts = name.slice(suite.length + 1).split(',')
  return Object.fromEntries(
    parts.map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)] as const),
  )
}

/**
 * The stage of a suite's run that a cell knows by this name. A record does not say to which cells a stage belongs, but
 * its name nearly always does: it is the one that the suite as it stands gives it, or has the cell's labels in
 * brackets.
 */
const stageInRun = (
  run: Side,
  cell: Side,
  labels: Readonly<Record<string, string>>,
  called: string,
): ComparedStage | undefined => {
  const exact = run.stages.get(cell.inSuite?.get(called) ?? '')
  if (exact !== undefined) return exact
  return [...run.stages.values()].find(({ name }) => {
    const parsed = parseStageName(name)
    return parsed?.name === called && isInCell(parsed, labels)
  })
}

/** Of a suite's run that is compared with one of its cells: the stages of that cell, under their names in the cell. */
const beside = Effect.fnUntraced(function* (side: Side, other: Side): Effect.fn.Return<Side, UsageError> {
  if (side.ofSuite !== true || other.ofSuite === true) return side
  const hint = 'compare it with a cell of that suite, FILE#init=learned,seed=0, or with another of its runs'
  const labels = labelsOf(other.name, side.name)
  if (labels === undefined) {
    return yield* new UsageError({
      message: `${side.target} is a run of the whole suite '${side.name}', of which ${other.target} is no cell`,
      hint,
    })
  }
  const found = [...other.stages.keys()].flatMap((called) => {
    const stage = stageInRun(side, other, labels, called)
    return stage === undefined ? [] : [{ called, stage }]
  })
  if (found.length === 0) {
    const message = `${side.target}, a run of the whole suite '${side.name}', has no stage of the cell ${other.target}`
    return yield* new UsageError({ message, hint })
  }
  return {
    target: side.target,
    name: other.name,
    recordOf: side.recordOf,
    stages: new Map(found.map(({ called, stage }) => [called, { ...stage, name: called }])),
    without: found.flatMap(({ called, stage }) => (side.without.includes(stage.name) ? [called] : [])),
    ...(side.environment === undefined ? {} : { environment: side.environment }),
  }
})

/**
 * What `genepool diff A B` compares. Fails with a UsageError where a side is nothing, or not comparable with the
 * other.
 */
export const readSides = Effect.fnUntraced(function* (targets: readonly [a: string, b: string], flags: ArtifactFlags) {
  const [a, b] = [yield* readSide(targets[0], flags), yield* readSide(targets[1], flags)]
  return [yield* beside(a, b), yield* beside(b, a)] as const
})
