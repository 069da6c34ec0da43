/** What the commands that run nothing have in common: the definition and what the store holds of it. */
import * as Effect from 'effect/Effect'
import { genepoolLayer } from '../../compose.js'
import type { Reuse } from '../../runtime/fingerprint.js'
import { LastKnown } from '../../runtime/plan/last-known.js'
import { planStages } from '../../runtime/plan/plan.js'
import { prepare } from '../../runtime/plan/prepare.js'
import { schemeNotice } from '../../runtime/plan/warnings.js'
import { Engines } from '../../runtime/services.js'
import { Store } from '../../runtime/store/store.js'
import { loadTarget } from './target.js'

export interface InspectFlags {
  /** `FILE`, or `FILE#CELL`: one cell of a suite as a pipeline alone. */
  readonly pipeline: string
  readonly store: string
  readonly engine: string
  readonly device: string
  readonly reuse: Reuse
  readonly only?: string | undefined
}

const inspectInStore = Effect.fnUntraced(function* (flags: InspectFlags) {
  const { graph, file, baseDir } = yield* loadTarget(flags.pipeline)
  const store = yield* Store
  const engine = yield* (yield* Engines).resolve({ engine: flags.engine, device: flags.device, toCompute: false })
  const only = flags.only === undefined ? {} : { only: flags.only }
  const prepared = yield* prepare(graph, { engine, baseDir, file, reuse: flags.reuse, tellMissing: true, ...only })
  const last = new LastKnown(store, graph.remembered)
  const plan = yield* planStages(prepared, last)
  return { graph, prepared, plan, store, engine, notice: yield* schemeNotice(prepared, last) }
})

export type Inspected = Effect.Success<ReturnType<typeof inspectInStore>>

/** Loads and plans; the store is read only. */
export const inspect = (flags: InspectFlags) => inspectInStore(flags).pipe(Effect.provide(genepoolLayer(flags.store)))
