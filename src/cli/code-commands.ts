/** The command line's words about code: why stages run or not, and which edits change nothing. */
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import * as Option from 'effect/Option'
import { acceptCommand } from './commands/accept-command.js'
import { explainCommand } from './commands/explain-command.js'
import { device, engine, json, pipeline, reuse, store, verbose } from './flags.js'

export const explain = Command.make('explain', {
  pipeline,
  stage: Argument.String('stage').pipe(
    Argument.withDescription('Only this stage, e.g. teacher or distill/tiny; of a suite, all called so'),
    Argument.optional,
  ),
  store,
  engine,
  device,
  reuse,
  json: json('Print one stage a line as JSON'),
  verbose,
}).pipe(
  Command.withHandler((flags) => explainCommand({ ...flags, stage: Option.getOrUndefined(flags.stage) })),
  Command.withDescription(
    'Say why each stage runs or is cached: what changed, down to the symbol, and how the stage reaches it',
  ),
)

export const accept = Command.make('accept', {
  symbol: Argument.String('symbol').pipe(
    Argument.withDescription('Declaration whose edit changes no result: kdLoss, Trainer.step, src/losses.ts:kdLoss'),
    Argument.optional,
  ),
  pipeline: pipeline.pipe(Argument.optional),
  reason: Flag.String('reason').pipe(Flag.withDescription('Why the edit changes no result; it is kept'), Flag.optional),
  list: Flag.Boolean('list').pipe(Flag.withDescription('List the accepted edits'), Flag.withDefault(false)),
  revoke: Flag.String('revoke').pipe(
    Flag.withDescription('Have an accepted edit, by its id or its symbol, count again'),
    Flag.optional,
  ),
  store,
  engine,
  device,
  reuse,
  json: json('Print one edit a line as JSON'),
  verbose,
}).pipe(
  Command.withHandler((flags) =>
    acceptCommand({
      ...flags,
      symbol: Option.getOrUndefined(flags.symbol),
      pipeline: Option.getOrUndefined(flags.pipeline),
      reason: Option.getOrUndefined(flags.reason),
      revoke: Option.getOrUndefined(flags.revoke),
    }),
  ),
  Command.withDescription(
    'Declare the present edit of one declaration harmless: nothing runs again for it; without a pipeline, of the last run',
  ),
  Command.withExamples([
    { command: 'genepool accept kdLoss --reason "only renamed a variable"', description: 'The next edit counts again' },
  ]),
)
