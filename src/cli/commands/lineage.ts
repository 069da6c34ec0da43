/**
 * The command line's words about what has been: recorded runs, artifacts and how they came about. What no run needs is
 * loaded when it is asked for.
 */
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { device, engine, json, reuse, stage, store, verbose } from '../input/flags.js'

export const lineage = Command.make('lineage', {
  artifact: Argument.String('artifact').pipe(
    Argument.withDescription(
      'A fingerprint or content hash, or the first six digits of one; a file of an artifact; or a pipeline, before one of its stages',
    ),
  ),
  stage,
  store,
  engine,
  device,
  reuse,
  json: json('Print every artifact of the tree as JSON'),
  dot: Flag.Boolean('dot').pipe(Flag.withDescription('Print a graph for Graphviz'), Flag.withDefault(false)),
  verbose,
}).pipe(
  Command.withHandler(
    Effect.fnUntraced(function* (flags) {
      const { lineageCommand } = yield* Effect.promise(() => import('./lineage-command.js'))
      return yield* lineageCommand({ ...flags, stage: Option.getOrUndefined(flags.stage) })
    }),
  ),
  Command.withDescription(
    'Say how an artifact came about, all the way up: stages, parameters, code, runs, machines, commits',
  ),
)
