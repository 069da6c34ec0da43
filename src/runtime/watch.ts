/** Changes of the files that a definition is made of. */
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import * as Queue from 'effect/Queue'
import * as Stream from 'effect/Stream'
import { CodeReader } from './code/code-reader.js'
import { UsageError, sentenceOf } from './errors.js'

/** A burst of saves, or an editor that writes a file in two steps, is one change. */
const quietMs = 150

/**
 * Waits until something that the pipeline file reaches through its imports changes, and the files are quiet again; gives
 * the paths that changed. A file that does not parse still says what it imports.
 */
export const nextChange = Effect.fnUntraced(function* (
  file: string,
  storeRoot: string,
): Effect.fn.Return<readonly string[], UsageError> {
  const { watch } = yield* Effect.promise(() => import('chokidar'))
  const files = yield* Effect.try({
    try: () => new CodeReader(storeRoot).reached(path.resolve(file)),
    catch: (cause) => new UsageError({ message: `cannot watch ${file}: ${sentenceOf(cause)}`, cause }),
  })
  const changed = new Set<string>()
  yield* Stream.callback<string>((queue) =>
    Effect.acquireRelease(
      Effect.sync(() =>
        watch([...files], { ignoreInitial: true }).on('all', (_event, changedPath) => {
          changed.add(changedPath)
          Queue.offerUnsafe(queue, changedPath)
        }),
      ),
      (watcher) => Effect.promise(() => watcher.close()),
    ),
  ).pipe(Stream.debounce(quietMs), Stream.take(1), Stream.runDrain)
  return [...changed]
})
