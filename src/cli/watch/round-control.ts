/** A round's side of watching: tells its plan, waits to be told to run it, and gives up stages to a newer round. */
import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import type { StageNode } from '../../dsl/nodes.js'
import { hashOf } from '../../runtime/canonical.js'
import type { StageGraph } from '../../runtime/definition/stage-graph.js'
import { StageError } from '../../runtime/errors.js'
import type { RunEvent } from '../../runtime/events.js'
import { fingerprintOf } from '../../runtime/fingerprint.js'
import { inParts } from '../../runtime/in-parts.js'
import { LastKnown } from '../../runtime/plan/last-known.js'
import { type Plan, planStages } from '../../runtime/plan/plan.js'
import { type Prepared, type PreparedStage, stageKeys } from '../../runtime/plan/prepare.js'
import { type Steering, Withdrawn } from '../../runtime/run/options.js'
import type { ResolvedEngine } from '../../runtime/services.js'
import { Store } from '../../runtime/store/store.js'
import type { Reads } from '../../runtime/reads.js'
import { tracedOf, type ReachedFile } from '../../runtime/watch/watched-files.js'
import type { FromRound, Occupied, RoundPlan, RoundStage, SlotUse, ToRound } from './watch-messages.js'

const slotOf = ({ kind }: PreparedStage, { device, deviceIndex = 0 }: ResolvedEngine): SlotUse => ({
  gpu: device !== 'cpu' && kind.usesEngine ? `${device}:${deviceIndex}` : undefined,
  exclusive: kind.exclusive === true,
})

/** Undefined where an input is not there yet. */
const fingerprintIn = ({ manifests }: Plan, stage: PreparedStage): string | undefined => {
  const contents: Record<string, string> = {}
  for (const [input, from] of Object.entries(stage.node.inputs)) {
    const manifest = manifests.get(from)
    if (manifest === undefined) return undefined
    contents[input] = manifest.content
  }
  return fingerprintOf(stage.identify(contents))
}

/** What a round says of its plan: each stage with what tells whether an earlier round computes the very same. */
const roundPlan = (
  graph: StageGraph,
  prepared: Prepared,
  plan: Plan,
  engine: ResolvedEngine,
  keys: ReadonlyMap<StageNode, string>,
  reads: Readonly<Record<string, Reads>>,
): RoundPlan => {
  const stages = prepared.stages.map((stage, index): RoundStage => {
    const planned = plan.stages[index]
    const fingerprint = planned.status === 'run' ? fingerprintIn(plan, stage) : undefined
    return {
      ...planned,
      key: keys.get(stage.node)!,
      fingerprint,
      slot: slotOf(stage, engine),
    }
  })
  const cells = graph.cells.map(({ name }) => name)
  const signature = hashOf([graph.name, cells, stages.map(({ stage, key }) => [stage, key]), reads])
  return { pipeline: graph.name, signature, stages }
}

/** With the files that its stages read besides when they were last computed. */
type TellReads = (prepared: Prepared, traced: readonly ReachedFile[]) => ReturnType<Steering['review']>

export interface RoundControl {
  /** How the run of this graph is steered. `tellReads` tells the watching process what its stages read. */
  readonly steering: (graph: StageGraph, tellReads: TellReads) => Steering
  /** Has to be told each event of the run. */
  readonly observe: (event: RunEvent) => void
  readonly receive: (message: ToRound) => void
  readonly isSuperseded: () => boolean
  /** Tells the watching process what the stages of the run, which is over, have read. */
  readonly tellTraced: Effect.Effect<void>
}

/** Goes before every stage of the run that waits for a slot. */
const firstRank = -1

/** The value of a key, made where there is none. */
const getOrMake = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const value = map.get(key) ?? make()
  map.set(key, value)
  return value
}

export const makeRoundControl = (send: (message: FromRound) => void): RoundControl => {
  const start = Deferred.makeUnsafe<readonly Occupied[]>()
  let occupied: readonly Occupied[] = []
  const freed = new Map<string, Deferred.Deferred<void>>()
  const untilFreed = (id: string) => getOrMake(freed, id, () => Deferred.makeUnsafe<void>())
  /** By stage: fails when the stage is to end. */
  const leaves = new Map<string, Deferred.Deferred<never, Withdrawn | StageError>>()
  const leaveOf = (stage: string) =>
    getOrMake(leaves, stage, () => Deferred.makeUnsafe<never, Withdrawn | StageError>())
  const withdraw = (stage: string): void => {
    Deferred.doneUnsafe(leaveOf(stage), Effect.fail(new Withdrawn()))
  }
  const keyOf = new Map<string, string>()
  /** Stage → fingerprint, while it is computed. */
  const running = new Map<string, string>()
  let superseded = false
  let tellTraced = Effect.void

  const steering: RoundControl['steering'] = (graph, tellReads) => ({
    review: Effect.fnUntraced(function* (prepared, engine) {
      const keys = stageKeys(prepared)
      for (const [{ name }, key] of keys) keyOf.set(name, key)
      const store = yield* Store
      const plan = yield* planStages(prepared, new LastKnown(store, graph.remembered))
      const trace = Effect.orDie(inParts(() => tracedOf(prepared, new LastKnown(store, graph.remembered), store)))
      const planned = (reads: Readonly<Record<string, Reads>>) => roundPlan(graph, prepared, plan, engine, keys, reads)
      tellTraced = Effect.map(trace, ({ files, reads }) =>
        send({ type: 'traced', files, signature: planned(reads).signature }),
      )
      const { files, reads } = yield* trace
      send({ type: 'planned', plan: planned(reads) })
      // What has changed since they were read is in the plan.
      yield* tellReads(
        prepared,
        files.map(({ path }) => ({ path })),
      )
      occupied = yield* Deferred.await(start)
    }),
    occupy: Effect.fnUntraced(function* (slots) {
      for (const { id, gpu, exclusive } of occupied) {
        const taken = Deferred.makeUnsafe<void>()
        const hold = () => Effect.andThen(Deferred.succeed(taken, undefined), Deferred.await(untilFreed(id)))
        yield* Effect.forkChild(slots.use({ gpu, exclusive, rank: firstRank }, hold))
        // The slot is taken before any stage of this run asks for one.
        yield* Effect.raceFirst(Deferred.await(taken), Deferred.await(untilFreed(id)))
      }
    }),
    leave: (stage) => {
      if (superseded) withdraw(stage)
      return Deferred.await(leaveOf(stage))
    },
  })

  const supersede = (keys: ReadonlySet<string>, fingerprints: ReadonlySet<string>): void => {
    superseded = true
    const goOn: string[] = []
    for (const [stage, key] of keyOf) {
      const fingerprint = running.get(stage)
      if (fingerprint !== undefined && (keys.has(key) || fingerprints.has(fingerprint))) goOn.push(stage)
      else withdraw(stage)
    }
    // Sent after all events of its stages until now, so that the answer is the last word on which of them still run.
    send({ type: 'superseded', goOn })
  }

  const receive: RoundControl['receive'] = (message) => {
    if (message.type === 'start') Deferred.doneUnsafe(start, Effect.succeed(message.occupied))
    else if (message.type === 'freed') Deferred.doneUnsafe(untilFreed(message.id), Effect.void)
    else if (message.type === 'supersede') supersede(new Set(message.keys), new Set(message.fingerprints))
    else if (message.type === 'failed') {
      const { failure: thrown } = message
      const { message: sentence, hint } = thrown
      const error = new StageError({ message: sentence, ...(hint === undefined ? {} : { hint }), thrown })
      for (const [stage, key] of keyOf) {
        if (key === message.key) Deferred.doneUnsafe(leaveOf(stage), Effect.fail(error))
      }
    }
  }

  return {
    steering,
    receive,
    isSuperseded: () => superseded,
    tellTraced: Effect.suspend(() => tellTraced),
    observe: (event) => {
      if (event.type === 'stage-started') running.set(event.stage, event.fingerprint)
      else if (event.type === 'stage-finished' || event.type === 'stage-failed') running.delete(event.stage)
    },
  }
}
