/** What most commands begin with: the store, and in it what there is of a definition. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { genepoolLayer } from '../../compose.js'
import { LastKnown } from '../../runtime/plan/last-known.js'
import { planStages } from '../../runtime/plan/plan.js'
import { prepare } from '../../runtime/plan/prepare.js'
import { schemeNotice } from '../../runtime/plan/warnings.js'
import { Engines } from '../../runtime/services.js'
import { isAbove, noStoreAt } from '../../runtime/store/find-store.js'
import { Store } from '../../runtime/store/store.js'
import { warn } from '../output/print.js'
import type { artifactFlags, FlagsOf } from './flags.js'
import { loadTarget } from './target.js'

/** On stderr, where it is not the one that a user sees before them. */
export const sayWhichStore = (store: string): void => {
  if (isAbove(store)) warn([`the store is ${path.resolve(store)}`])
}

/**
 * A command's handler with the store that `--store` names, the kinds of stages and the engines in its context. One that
 * does not make a store (`makesIt`) says where it has looked in vain.
 */
export const inStore =
  <Flags extends { readonly store: string }, E, R>(
    handler: (flags: Flags) => Effect.Effect<void, E, R>,
    { makesIt = false } = {},
  ) =>
  (flags: Flags) =>
    Effect.sync(() => sayWhichStore(flags.store)).pipe(
      Effect.andThen(handler(flags)),
      Effect.tap(() =>
        Effect.sync(() => {
          const root = path.resolve(flags.store)
          if (!makesIt && !fs.existsSync(root)) warn([`${noStoreAt(root)}; genepool run makes it`])
        }),
      ),
      Effect.provide(genepoolLayer(flags.store)),
    )

export type ArtifactFlags = FlagsOf<typeof artifactFlags>

export interface InspectFlags extends ArtifactFlags {
  /** `FILE`, or `FILE#CELL`: one cell of a suite as a pipeline alone. */
  readonly pipeline: string
  readonly only?: string | undefined
}

/** Loads and plans; the store is read only. */
export const inspect = Effect.fnUntraced(function* ({ pipeline, engine: wanted, device, reuse, only }: InspectFlags) {
  const { graph, file, baseDir } = yield* loadTarget(pipeline)
  const store = yield* Store
  const engine = yield* (yield* Engines).resolve({ engine: wanted, device, toCompute: false })
  const prepared = yield* prepare(graph, { engine, baseDir, file, reuse, tellMissing: true, only })
  const last = new LastKnown(store, graph.remembered)
  const plan = yield* planStages(prepared, last)
  return { graph, file, baseDir, prepared, plan, store, engine, notice: yield* schemeNotice(prepared, last) }
})

export type Inspected = Effect.Success<ReturnType<typeof inspect>>
