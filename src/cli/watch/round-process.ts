/**
 * The process of one round of `genepool watch`: loads the definition anew, plans, tells the plan and what it depends on, and
 * runs it when it is told to. Started by rounds.ts alone; ends with the process that started it.
 */
import * as path from 'node:path'
import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Fiber from 'effect/Fiber'
import { genepoolLayer } from '../../compose.js'
import { acceptedPath } from '../../runtime/code/record-store.js'
import { sentenceOf, UsageError } from '../../runtime/errors.js'
import { runStages } from '../../runtime/run/run.js'
import { Store } from '../../runtime/store/store.js'
import { type ReachedFile, reachOfDefinition, reachOfError, reachOfStages } from '../../runtime/watch/watched-files.js'
import { useOwnDefinitions } from '../../own-definitions.js'
import { loadTarget, parseTarget } from '../input/target.js'
import { renderFinished } from '../output/results-tables.js'
import { makeRoundControl, type RoundControl } from './round-control.js'
import type { FromRound, Problem, ToRound, WatchRequest } from './watch-messages.js'

/** Signals of Ctrl-C so far. */
let interrupts = 0

const send = (message: FromRound, then?: () => void): void => {
  // Once nobody listens any more there is nothing to say.
  if (process.connected) process.send?.(message, undefined, undefined, () => then?.())
  else then?.()
}

/** What the store holds changes by running; a pipeline that reads from it does not change by that. Edits are accepted by people. */
const tell = Effect.fnUntraced(function* (files: readonly ReachedFile[]) {
  const { root } = yield* Store
  const isOutside = (file: string): boolean => path.relative(root, file).startsWith('..') || file === acceptedPath(root)
  send({ type: 'reads', files: files.filter((file) => isOutside(file.path)) })
})

const problemOf = (error: unknown): Problem => ({
  message: sentenceOf(error),
  ...(error instanceof UsageError && error.hint !== undefined ? { hint: error.hint } : {}),
  ...(error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {}),
})

const round = Effect.fnUntraced(function* (request: WatchRequest, control: RoundControl) {
  const { graph, file, baseDir } = yield* loadTarget(request.pipeline)
  const { engine, device, reuse, jobs, policy, only } = request
  const result = yield* runStages(graph, {
    engine,
    device,
    reuse,
    jobs,
    policy,
    failFast: false,
    file,
    baseDir,
    emit: (event) => {
      control.observe(event)
      send({ type: 'event', event })
    },
    steering: control.steering(
      graph,
      Effect.fnUntraced(function* (prepared) {
        yield* tell([...(yield* reachOfDefinition(file)), ...reachOfStages(prepared)])
      }),
    ),
    ...(only === undefined ? {} : { only }),
  })
  if (control.isSuperseded()) return
  send({ type: 'table', text: yield* renderFinished(graph, result.cells, request.pipeline) })
})

/** A definition that cannot be run is waited out: what it reads is told all the same. */
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

const leave = (): void => send({ type: 'ended' }, () => process.exit(0))

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

// Ctrl-C reaches every process of the terminal; the process that watches decides what becomes of its rounds, and may be heard
// before the signal is.
process.on('SIGINT', () => (interrupts += 1))

// Whoever read what a definition prints is gone; the channel's end says the rest.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {})
