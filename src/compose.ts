/** The composition root: the one place that knows the runtime, the engines and the stages, and puts them together. */
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import { deviceName, EngineUnavailable, resolveEngine } from './engine/choice/resolve.js'
import { sharedGpu } from './engine/choice/gpus.js'
import { parseWish } from './engine/choice/wish.js'
import { numericPackages } from './engine/installed.js'
import { UsageError } from './runtime/errors.js'
import { sentenceOf } from './base/errors.js'
import { Executor } from './runtime/execute/executor.js'
import { Engines, StageKinds } from './runtime/services.js'
import { Store } from './runtime/store/store.js'
import { stageKinds } from './stages/registry.js'

const kindsLayer = Layer.sync(StageKinds, () => {
  const byName = new Map(stageKinds.map((kind) => [kind.kind, kind]))
  return { find: (kind) => byName.get(kind) }
})

const usageError = (cause: unknown): UsageError => {
  const { hint, said } = cause instanceof EngineUnavailable ? cause : { hint: undefined, said: undefined }
  return new UsageError({
    message: sentenceOf(cause),
    ...(hint === undefined ? {} : { hint }),
    cause: said ?? cause,
  })
}

const enginesLayer = Layer.succeed(Engines, {
  packages: numericPackages,
  deviceName,
  gpu: sharedGpu,
  resolve: ({ engine: wanted, device: on, toCompute }) =>
    Effect.tryPromise({
      try: (signal) => resolveEngine(parseWish(wanted, on), { toCompute, signal }),
      catch: usageError,
    }).pipe(
      Effect.map((resolved) => {
        const { engine, device, versions } = resolved
        // The device's class, not its number: two equal GPUs compute the same.
        return { ...resolved, identity: { engine, device, versions } }
      }),
    ),
})

/** Everything that a run needs, over the store in `directory`. Loads no stage and no engine. */
export const genepoolLayer = (
  directory: string,
  interrupts?: () => number,
): Layer.Layer<Store | Executor | StageKinds | Engines, UsageError> =>
  Layer.mergeAll(Store.layer(directory), Executor.layerLocal(interrupts), kindsLayer, enginesLayer)
