/** A burst of saves, an editor that writes a file in two steps, a checkout of another branch: one change. */
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import * as Queue from 'effect/Queue'

/** How long nothing may have happened before a burst counts as over. */
const quietMs = 150
/** After this it is over in any case, so that a file that is written all the time does not keep the others waiting. */
const longestMs = 1_500

/** Waits for a first hint and then until they stop coming; takes them all. */
export const nextBurst = Effect.fnUntraced(function* (hints: Queue.Dequeue<void>) {
  yield* Queue.take(hints)
  const end = Date.now() + longestMs
  for (;;) {
    const patience = Math.min(quietMs, end - Date.now())
    if (patience <= 0) return
    const more = yield* Queue.takeAll(hints).pipe(Effect.timeoutOption(patience))
    if (Option.isNone(more)) return
  }
})
