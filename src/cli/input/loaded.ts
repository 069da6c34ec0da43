/** What commands that run one model have in common: how it is named, and on what it runs. */
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Flag from 'effect/cli/Flag'
import { partOfThrown, sentenceOf } from '../../base/errors.js'
import type { DeviceWish } from '../../engine/request.js'
import type { LoadedModel, LoadModelOptions } from '../../load-model.js'
import { UsageError } from '../../runtime/errors.js'
import { abortable } from '../../runtime/abortable.js'
import { harmless } from '../output/print.js'
import { deviceFlag, engineFlag, type FlagsOf, textFlag } from './flags.js'

export const modelArgument = Argument.String('model').pipe(
  Argument.withDescription(
    'An exported ONNX file, a folder of weights (exported, timm, transformers, the artifact of a stage), or hf:owner/name',
  ),
)

export const loadedFlags = {
  descendant: textFlag('descendant', "Of the folder of a stitched pool, the model's id or name"),
  engine: engineFlag.pipe(
    Flag.withDescription('What computes; default: auto, the fastest that loads, and onnxruntime of an ONNX file'),
  ),
  device: deviceFlag,
  threads: Flag.Int('threads').pipe(
    Flag.withDescription('Threads inside one operation; default: 1'),
    Flag.withDefault(1),
  ),
}

type LoadedFlags = FlagsOf<typeof loadedFlags> & { readonly model: string }

/** What is wrong with a model or with how it was called for, in a sentence and with what to do. */
export const modelFailed = (cause: unknown): UsageError => {
  const hint = partOfThrown(cause, 'hint')
  const message = harmless(sentenceOf(cause))
  return new UsageError({ message, cause, ...(typeof hint === 'string' && { hint: harmless(hint) }) })
}

/** Loads the model, uses it, and releases it however that ends. Whatever rejects is a UsageError. */
export const withModel = <A>(
  { model: path, descendant, engine, device, threads }: LoadedFlags,
  options: Pick<LoadModelOptions, 'batchSize'>,
  use: (model: LoadedModel, signal: AbortSignal) => Promise<A>,
): Effect.Effect<A, UsageError> =>
  (threads < 1
    ? Effect.fail(new UsageError({ message: `--threads is ${threads}; it must be 1 or more` }))
    : abortable(async (signal) => {
        const { loadModel } = await import('../../load-model.js')
        const model = await loadModel(path, {
          ...options,
          threads,
          ...(descendant !== undefined && { descendant }),
          // An ONNX file has an engine and a device of its own where none is named.
          ...(engine !== 'auto' && { engine }),
          ...(device !== 'auto' && { device: device as DeviceWish }),
        })
        try {
          return await use(model, signal)
        } finally {
          await model.release()
        }
      })
  ).pipe(Effect.mapError((cause) => (cause instanceof UsageError ? cause : modelFailed(cause))))
