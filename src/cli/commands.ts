/** The command line's words: flags, arguments, help. Each handler reads its flags and calls one function. */
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import { UsageError } from '../runtime/errors.js'
import { defaultJobs } from '../runtime/run.js'
import { acceptCommand } from './accept-command.js'
import { diffCommand } from './diff-command.js'
import { doctorCommand } from './doctor-command.js'
import { engineCommand } from './engine-command.js'
import { explainCommand } from './explain-command.js'
import { paretoCommand, paretoFlags } from './pareto-command.js'
import { pickCommand, pickFlags } from './pick-command.js'
import { planCommand } from './plan-command.js'
import { reportCommand, reportFlags } from './report-command.js'
import { resultsCommand, resultsFlags } from './results-command.js'
import { runCommand } from './run-command.js'
import { runsCommand } from './runs-command.js'
import { showCommand } from './show-command.js'
import { version } from './version.js'
import { watchCommand } from './watch-command.js'

const pipeline = Argument.String('pipeline').pipe(
  Argument.withDescription(
    'File whose default export is a pipeline or a suite, e.g. pipelines/quickstart.ts; FILE#init=learned,seed=1 is one cell of a suite',
  ),
)
const store = Flag.String('store').pipe(
  Flag.withDescription('Folder that holds artifacts, checkpoints and records; default: .genepool'),
  Flag.withDefault('.genepool'),
)
const engine = Flag.Literals('engine', ['auto', 'onnxruntime', 'tensorflow', 'cpu']).pipe(
  Flag.withDescription(
    'What computes; auto, the default, takes the fastest that loads (genepool doctor shows which and why)',
  ),
  Flag.withDefault('auto'),
)
const device = Flag.String('device').pipe(
  Flag.withDescription(
    'What it computes on: auto (the default), cpu, webgpu, cuda, or cuda:1 for the second NVIDIA GPU',
  ),
  Flag.withDefault('auto'),
)
const reuse = Flag.Literals('reuse', ['same-engine', 'any-engine']).pipe(
  Flag.withDescription(
    'Which artifacts are good enough: those of the same engine, device class and versions (the default), or also those that differ in these alone',
  ),
  Flag.withDefault('same-engine'),
)
const json = (what: string) => Flag.Boolean('json').pipe(Flag.withDescription(what), Flag.withDefault(false))
const verbose = Flag.Boolean('verbose').pipe(
  Flag.withDescription('Print stack traces with errors'),
  Flag.withDefault(false),
)
const only = Flag.String('only').pipe(
  Flag.withDescription('Only this stage and what it needs, e.g. teacher or distill/tiny; of a suite, all called so'),
  Flag.optional,
)
const jobs = Flag.Int('jobs').pipe(
  Flag.withAlias('j'),
  Flag.withDescription('CPU stages side by side; default: the number of cores'),
  Flag.optional,
)

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
  json: json('Print one event a line as JSON, and nothing else'),
  verbose,
}).pipe(
  Command.withHandler(
    Effect.fnUntraced(function* (flags) {
      if (flags.keepGoing && flags.failFast) {
        return yield* new UsageError({ message: '--keep-going and --fail-fast exclude each other' })
      }
      const jobsWanted = Option.getOrElse(flags.jobs, defaultJobs)
      if (jobsWanted < 1) return yield* new UsageError({ message: `--jobs is ${jobsWanted}; it must be 1 or more` })
      return yield* runCommand({ ...flags, jobs: jobsWanted, only: Option.getOrUndefined(flags.only) })
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
  json: json('Print what happens as JSON, one event a line; those of a run say which'),
  verbose,
}).pipe(
  Command.withHandler(
    Effect.fnUntraced(function* ({ jobs, only, ...flags }) {
      const jobsWanted = Option.getOrElse(jobs, defaultJobs)
      if (jobsWanted < 1) return yield* new UsageError({ message: `--jobs is ${jobsWanted}; it must be 1 or more` })
      const onlyStage = Option.match(only, { onNone: () => ({}), onSome: (stage) => ({ only: stage }) })
      return yield* watchCommand({ ...flags, jobs: jobsWanted, ...onlyStage })
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
  only,
  json: json('Print one stage a line as JSON'),
  verbose,
}).pipe(
  Command.withHandler((flags) => planCommand({ ...flags, only: Option.getOrUndefined(flags.only) })),
  Command.withDescription('Say for each stage whether it is cached, would run or may have to, and why; runs nothing'),
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

const runs = Command.make('runs', {
  pipeline: pipeline.pipe(Argument.optional),
  store,
  json: json('Print one run a line as JSON'),
  verbose,
}).pipe(
  Command.withHandler((flags) => runsCommand({ ...flags, pipeline: Option.getOrUndefined(flags.pipeline) })),
  Command.withDescription('List the recorded runs, of one pipeline or of all in the store'),
)

const show = Command.make('show', {
  pipeline,
  stage: Argument.String('stage').pipe(Argument.withDescription('Name of a stage, e.g. teacher or distill/tiny')),
  store,
  engine,
  device,
  reuse,
  json: json('Print the manifest as JSON'),
  verbose,
}).pipe(
  Command.withHandler((flags) => showCommand(flags)),
  Command.withDescription("Print a stage's artifact: files, inputs, parameters, loss history"),
)

const side = (name: string) =>
  Argument.String(name).pipe(Argument.withDescription('FILE, FILE#CELL, or the id of a run as genepool runs prints it'))

const diff = Command.make('diff', {
  a: side('a'),
  b: side('b'),
  store,
  engine,
  device,
  reuse,
  json: json('Print one stage, one figure or one note a line as JSON'),
  verbose,
}).pipe(
  Command.withHandler((flags) => diffCommand(flags)),
  Command.withDescription('Say what differs between two pipelines, cells or recorded runs: parameters, code, metrics'),
  Command.withExamples([
    {
      command:
        'genepool diff pipelines/ablation.ts#init=learned,positions=end,loss=all,seed=1 pipelines/ablation.ts#init=random,positions=end,loss=all,seed=1',
      description: 'Two cells of a suite (axes in any order, as many as tell the cell)',
    },
  ]),
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

const explain = Command.make('explain', {
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

const accept = Command.make('accept', {
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
    doctor,
    engineCommand,
  ]),
)

export const cli = Command.runWith(genepool, { version })
