/** The command line's words: flags, arguments, help. Each handler reads its flags and calls one function. */
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import { UsageError } from '../runtime/errors.js'
import { accept, explain } from './code-commands.js'
import { doctorCommand } from './commands/doctor-command.js'
import { engineCommand } from './engine-commands.js'
import { failureFlags, policyOf } from './failure-flags.js'
import { device, engine, jobs, jobsOf, json, only, pipeline, reuse, store, verbose } from './flags.js'
import { paretoCommand, paretoFlags } from './commands/pareto-command.js'
import { pickCommand, pickFlags } from './commands/pick-command.js'
import { planCommand } from './commands/plan-command.js'
import { certify, diff, lineage, runs, show } from './record-commands.js'
import { reportCommand, reportFlags } from './commands/report-command.js'
import { resultsCommand, resultsFlags } from './commands/results-command.js'
import { runCommand } from './commands/run-command.js'
import { gcFlagsCommand, storeCommand } from './store-commands.js'
import { version } from './version.js'
import { watchCommand } from './watch/watch-command.js'

const run = Command.make('run', {
  pipeline,
  store,
  engine,
  device,
  reuse,
  jobs,
  only,
  keepGoing: Flag.Boolean('keep-going').pipe(
    Flag.withDescription('Finish what does not depend on a failed stage (the default)'),
    Flag.withDefault(false),
  ),
  failFast: Flag.Boolean('fail-fast').pipe(
    Flag.withDescription('Start nothing new once a stage has failed'),
    Flag.withDefault(false),
  ),
  ...failureFlags,
  json: json('Print one event a line as JSON, and nothing else'),
  verbose,
}).pipe(
  Command.withHandler(
    Effect.fnUntraced(function* (flags) {
      if (flags.keepGoing && flags.failFast) {
        return yield* new UsageError({ message: '--keep-going and --fail-fast exclude each other' })
      }
      const jobsWanted = yield* jobsOf(flags.jobs)
      const policy = yield* Effect.try({ try: () => policyOf(flags), catch: (cause) => cause as UsageError })
      return yield* runCommand({ ...flags, policy, jobs: jobsWanted, only: Option.getOrUndefined(flags.only) })
    }),
  ),
  Command.withDescription('Run what is missing of a pipeline or suite and print the table of its models or cells'),
  Command.withExamples([
    {
      command: 'genepool run pipelines/quickstart.ts',
      description: 'Run a pipeline; a second time nothing is recomputed',
    },
    { command: 'genepool run pipelines/quickstart.ts --only teacher', description: 'Train the teacher only' },
    { command: 'genepool run pipelines/quickstart.ts --json', description: 'One event a line, for programs' },
    {
      command: 'genepool run pipelines/ablation.ts#init=learned,positions=end,loss=all,seed=1',
      description: 'One cell of a suite alone',
    },
  ]),
)

const watch = Command.make('watch', {
  pipeline,
  store,
  engine,
  device,
  reuse,
  jobs,
  only,
  ...failureFlags,
  json: json('Print what happens as JSON, one event a line; those of a run say which'),
  verbose,
}).pipe(
  Command.withHandler(
    Effect.fnUntraced(function* ({ jobs, only, ...flags }) {
      const jobsWanted = yield* jobsOf(jobs)
      const onlyStage = Option.match(only, { onNone: () => ({}), onSome: (stage) => ({ only: stage }) })
      const policy = yield* Effect.try({ try: () => policyOf(flags), catch: (cause) => cause as UsageError })
      const { pipeline, store, engine, device, reuse, json, verbose } = flags
      const request = { pipeline, store, engine, device, reuse, verbose, jobs: jobsWanted, policy, ...onlyStage }
      return yield* watchCommand({ ...request, json })
    }),
  ),
  Command.withDescription(
    'Run a pipeline or suite, and again whenever anything that it reaches changes (its file and what that imports, the code of its stages, its data), until Ctrl-C. Stages that an edit does not touch go on; the others save their checkpoints and are run anew. What does not parse is waited out',
  ),
  Command.withShortDescription(
    'Run a pipeline or suite, and again whenever anything that it reaches changes, until Ctrl-C',
  ),
  Command.withExamples([
    { command: 'genepool watch pipelines/quickstart.ts', description: 'Edit, save, and see what that changes' },
    {
      command: 'genepool watch pipelines/quickstart.ts --only teacher',
      description: 'Work on one stage and what it needs',
    },
  ]),
)

const plan = Command.make('plan', {
  pipeline,
  store,
  engine,
  device,
  reuse,
  jobs,
  only,
  json: json('Print one stage a line as JSON, and the time that the run is expected to take as the last'),
  verbose,
}).pipe(
  Command.withHandler(
    Effect.fnUntraced(function* (flags) {
      const jobsWanted = yield* jobsOf(flags.jobs)
      return yield* planCommand({ ...flags, jobs: jobsWanted, only: Option.getOrUndefined(flags.only) })
    }),
  ),
  Command.withDescription(
    'Say for each stage whether it is cached, would run or may have to, why, and how long it takes; runs nothing',
  ),
)

const measured = { pipeline, store, engine, device, reuse, verbose }

const results = Command.make('results', { ...measured, ...resultsFlags }).pipe(
  Command.withHandler((flags) => resultsCommand(flags)),
  Command.withDescription('Print the measured models of a pipeline, or the figures of a suite with their spread'),
  Command.withExamples([
    { command: 'genepool results pipelines/ablation.ts', description: 'One line a cell, mean and spread over seeds' },
    { command: 'genepool results pipelines/ablation.ts --by init', description: 'One line for each value of an axis' },
  ]),
)

const pick = Command.make('pick', { ...measured, ...pickFlags }).pipe(
  Command.withHandler((flags) => pickCommand(flags)),
  Command.withDescription('Name the best model under budgets of parameters, multiply-accumulates and time'),
  Command.withExamples([
    {
      command: 'genepool pick pipelines/quickstart.ts --max-params 150k --max-macs 2.5M',
      description: 'The most accurate model that is no larger and no dearer',
    },
  ]),
)

const pareto = Command.make('pareto', { ...measured, ...paretoFlags }).pipe(
  Command.withHandler((flags) => paretoCommand(flags)),
  Command.withDescription('Print the models that no other beats at their cost'),
)

const report = Command.make('report', { ...measured, ...reportFlags }).pipe(
  Command.withHandler((flags) => reportCommand(flags)),
  Command.withDescription('Write one HTML file with figures, tables and exact parameters of a pipeline or a suite'),
)

const doctor = Command.make('doctor', {
  engine: engine.pipe(Flag.withDescription('Only this engine; auto: all')),
  device: device.pipe(Flag.withDescription('Only this device: cpu, webgpu, cuda, cuda:1; auto: all')),
  json: json('Print one engine on one device a line as JSON'),
  verbose: Flag.Boolean('verbose').pipe(
    Flag.withDescription('Print what the native libraries print'),
    Flag.withDefault(false),
  ),
}).pipe(
  Command.withHandler((flags) => doctorCommand(flags)),
  Command.withDescription(
    'Try every engine on every device: what loads, how fast it is, why the rest does not load and what to do about it',
  ),
)

const genepool = Command.make('genepool').pipe(
  Command.withDescription(
    'Learngene pools: distil one vision transformer into students, stitch their blocks, measure every model',
  ),
  Command.withSubcommands([
    run,
    watch,
    plan,
    explain,
    accept,
    results,
    pick,
    pareto,
    report,
    diff,
    runs,
    show,
    lineage,
    certify,
    gcFlagsCommand,
    storeCommand,
    doctor,
    engineCommand,
  ]),
)

export const cli = Command.runWith(genepool, { version })
