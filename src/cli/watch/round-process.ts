/**
 * The process of one round of `genepool watch`: loads the definition anew, plans, tells the plan and the files that it
 * depends on, and runs it when it is told to. Started by round.ts; ends with the process that started it.
 */
import * as path from 'node:path'
import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Fiber from 'effect/Fiber'
import { genepoolLayer } from '../../compose.js'
import { acceptedPath } from '../../runtime/code/record-store.js'
import { sentenceOf } from '../../base/errors.js'
import { UsageError } from '../../runtime/errors.js'
import { runStages } from '../../runtime/run/run.js'
import { Store } from '../../runtime/store/store.js'
import { type ReachedFile, reachOfDefinition, reachOfError, reachOfStages } from '../../runtime/watch/watched-files.js'
import { useOwnDefinitions } from '../../own-definitions.js'
import { loadTarget, parseTarget } from '../input/target.js'
import { renderFinished } from '../output/results-tables.js'
import { makeRoundControl, type RoundControl } from './round-control.js'
import type { FromRound, Problem, ToRound, WatchRequest } from './watch-messages.js'
import { whenWritten } from '../output/terminal.js'

/** How often Ctrl-C has reached this process. */
let interrupts = 0

const send = (message: FromRound, then?: () => void): void => {
  if (process.connected) process.send?.(message, undefined, undefined, () => then?.())
  else then?.()
}

/** Files in the store are left out, because a run changes them itself; people change the accepted edits alone. */
const tell = Effect.fnUntraced(function* (files: readonly ReachedFile[]) {
  const { root } = yield* Store
  const isOutside = (file: string): boolean => path.relative(root, file).startsWith('..') || file === acceptedPath(root)
  send({ type: 'reads', files: files.filter((file) => isOutside(file.path)) })
})

const problemOf = (error: unknown): Problem => ({
  message: sentenceOf(error),
  hint: error instanceof UsageError ? error.hint : undefined,
  stack: error instanceof Error ? error.stack : undefined,
})

const round = Effect.fnUntraced(function* (request: WatchRequest, control: RoundControl) {
  const { graph, file, baseDir } = yield* loadTarget(request.pipeline)
  send({ type: 'loaded' })
  const { engine, device, reuse, jobs, policy, only } = request
  const result = yield* runStages(graph, {
    engine,
    device,
    reuse,
    jobs,
    only,
    policy,
    failFast: false,
    file,
    baseDir,
    emit: (event) => {
      control.observe(event)
      if (event.type !== 'stage-printed' || request.verbose) send({ type: 'event', event })
    },
    steering: control.steering(
      graph,
      Effect.fnUntraced(function* (prepared, traced) {
        yield* tell([...(yield* reachOfDefinition(file)), ...reachOfStages(prepared), ...traced])
      }),
    ),
  })
  yield* control.tellTraced
  if (control.isSuperseded()) return
  send({ type: 'table', text: yield* renderFinished(graph, result.cells, request.pipeline) })
})

/** The files of a definition that cannot be run are told all the same: it is planned again once one of them changes. */
const tellProblem = (request: WatchRequest, cause: Cause.Cause<unknown>) => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  const error = Cause.squash(cause)
  send({ type: 'problem', ...problemOf(error) })
  return reachOfDefinition(parseTarget(request.pipeline).file).pipe(
    Effect.flatMap((files) => tell([...files, ...(error instanceof UsageError ? reachOfError(error) : [])])),
    Effect.ignore,
  )
}

const program = (request: WatchRequest, control: RoundControl) =>
  round(request, control).pipe(
    Effect.catchCause((cause) => tellProblem(request, cause)),
    Effect.provide(genepoolLayer(request.store, () => interrupts)),
    Effect.catch((error) => Effect.sync(() => send({ type: 'problem', ...problemOf(error) }))),
  )

useOwnDefinitions()

const control = makeRoundControl(send)
let fiber: Fiber.Fiber<void, unknown> | undefined

const leave = (): void => send({ type: 'ended' }, () => whenWritten(() => process.exit(0)))

const end = (): void => {
  if (fiber === undefined) leave()
  else Effect.runFork(Fiber.interrupt(fiber))
}

process.on('message', (message: ToRound) => {
  if (message.type === 'end') end()
  else if (message.type === 'plan') {
    fiber = Effect.runFork(program(message.request, control))
    fiber.addObserver(leave)
  } else control.receive(message)
})

process.on('disconnect', end)
process.on('SIGTERM', end)
// Ctrl-C reaches every process of the terminal. What becomes of a round is decided by the process that watches, whose
// message may arrive before the signal does.
process.on('SIGINT', () => (interrupts += 1))
// An error here means that the watching process is gone, which the end of the channel tells as well.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {})
