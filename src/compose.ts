/** The composition root: the one place that knows the runtime, the engines and the stages, and puts them together. */
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import { resolveEngine } from './engine/identify.js'
import { UsageError, sentenceOf } from './runtime/errors.js'
import { Executor } from './runtime/executor.js'
import { Engines, StageKinds } from './runtime/services.js'
import { Store } from './runtime/store.js'
import { stageKinds } from './stages/registry.js'

const kindsLayer = Layer.sync(StageKinds, () => {
  const byName = new Map(stageKinds.map((kind) => [kind.kind, kind]))
  return { find: (kind) => byName.get(kind) }
})

const enginesLayer = Layer.succeed(Engines, {
  resolve: (request) =>
    Effect.try({
      try: () => {
        const { engine, device, versions, why } = resolveEngine({ engine: request })
        return { engine, device, why, identity: { engine, device, versions } }
      },
      catch: (cause) => new UsageError({ message: sentenceOf(cause), cause }),
    }),
})

/** Everything that a run needs, over the store in `directory`. Loads no stage and no engine. */
export const genepoolLayer = (directory: string): Layer.Layer<Store | Executor | StageKinds | Engines, UsageError> =>
  Layer.mergeAll(Store.layer(directory), Executor.layerLocal, kindsLayer, enginesLayer)
