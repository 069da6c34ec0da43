/** What the commands that run nothing have in common: the definition and what the store holds of it. */
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { genepoolLayer } from '../compose.js'
import { LastKnown } from '../runtime/last-known.js'
import { loadPipeline } from '../runtime/load.js'
import { planStages } from '../runtime/plan.js'
import { prepare, type Reuse } from '../runtime/prepare.js'
import { Engines } from '../runtime/services.js'
import { Store } from '../runtime/store.js'

export interface InspectFlags {
  readonly pipeline: string
  readonly store: string
  readonly engine: string
  readonly device: string
  readonly reuse: Reuse
  readonly only?: string | undefined
}

const inspectInStore = Effect.fnUntraced(function* (flags: InspectFlags) {
  const pipeline = yield* loadPipeline(flags.pipeline)
  const store = yield* Store
  const engine = yield* (yield* Engines).resolve({ engine: flags.engine, device: flags.device, toCompute: false })
  const baseDir = path.dirname(path.resolve(flags.pipeline))
  const only = flags.only === undefined ? {} : { only: flags.only }
  const prepared = yield* prepare(pipeline, { engine, baseDir, reuse: flags.reuse, ...only })
  const plan = yield* planStages(prepared, new LastKnown(store, pipeline.name))
  return { pipeline, prepared, plan, store }
})

/** Loads and plans; the store is read only. */
export const inspect = (flags: InspectFlags) => inspectInStore(flags).pipe(Effect.provide(genepoolLayer(flags.store)))
