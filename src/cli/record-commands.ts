/**
 * The command line's words about what has been: recorded runs, artifacts and how they came about. What no run needs is
 * loaded when it is asked for.
 */
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import { diffCommand } from './commands/diff-command.js'
import { device, engine, jobs, jobsOf, json, only, pipeline, reuse, store, verbose } from './flags.js'
import { runsCommand } from './commands/runs-command.js'
import { showCommand } from './commands/show-command.js'
import { tagCommand, untagCommand } from './commands/tag-commands.js'

const recordedRun = Argument.String('run').pipe(
  Argument.withDescription('Id of a run as genepool runs prints it, the beginning of one, or a tag'),
)
const tagName = Argument.String('name').pipe(Argument.withDescription('Up to 64 letters, digits, dots and dashes'))

const tag = Command.make('tag', { run: recordedRun, name: tagName, store, verbose }).pipe(
  Command.withHandler((flags) => tagCommand(flags)),
  Command.withDescription('Give a run a name; genepool gc keeps what a tagged run reaches'),
)

const untag = Command.make('untag', { name: tagName, store, verbose }).pipe(
  Command.withHandler((flags) => untagCommand(flags)),
  Command.withDescription('Take a name away from its run'),
)

export const runs = Command.make('runs', {
  pipeline: pipeline.pipe(Argument.optional),
  store,
  tag: Flag.String('tag').pipe(
    Flag.withDescription("Only the run with this tag; '*': all that have one"),
    Flag.optional,
  ),
  json: json('Print one run a line as JSON'),
  verbose,
}).pipe(
  Command.withHandler((flags) =>
    runsCommand({
      ...flags,
      pipeline: Option.getOrUndefined(flags.pipeline),
      tag: Option.getOrUndefined(flags.tag),
    }),
  ),
  Command.withDescription('List the recorded runs, of one pipeline or of all in the store'),
  Command.withExamples([
    { command: 'genepool runs tag 20260102-030405-a1b2c3 paper', description: 'Name a run, to find it and to keep it' },
    { command: 'genepool show paper', description: 'Where it took place, what it planned, what became of each stage' },
  ]),
  Command.withSubcommands([tag, untag]),
)

const stage = Argument.String('stage').pipe(
  Argument.withDescription('Name of a stage, e.g. teacher or distill/tiny'),
  Argument.optional,
)

export const show = Command.make('show', {
  pipeline: Argument.String('target').pipe(
    Argument.withDescription(
      'A pipeline (FILE or FILE#CELL) before one of its stages; or a run: its id, the beginning of it, a tag',
    ),
  ),
  stage,
  store,
  engine,
  device,
  reuse,
  json: json('Print the manifest, or the run, as JSON'),
  verbose,
}).pipe(
  Command.withHandler((flags) => showCommand({ ...flags, stage: Option.getOrUndefined(flags.stage) })),
  Command.withDescription(
    "Print a stage's artifact (files, inputs, parameters, loss history), or a recorded run: environment, plan, outcomes",
  ),
  Command.withExamples([
    { command: 'genepool show pipelines/quickstart.ts teacher', description: "A stage's artifact" },
    { command: 'genepool show 20260102-030405', description: 'A run, by the beginning of its id' },
  ]),
)

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
      const { lineageCommand } = yield* Effect.promise(() => import('./commands/lineage-command.js'))
      return yield* lineageCommand({ ...flags, stage: Option.getOrUndefined(flags.stage) })
    }),
  ),
  Command.withDescription(
    'Say how an artifact came about, all the way up: stages, parameters, code, runs, machines, commits',
  ),
)

const side = (name: string) =>
  Argument.String(name).pipe(
    Argument.withDescription(
      'FILE, FILE#CELL, or a run: its id as genepool runs prints it, the beginning of it, or a tag',
    ),
  )

export const diff = Command.make('diff', {
  a: side('a'),
  b: side('b'),
  store,
  engine,
  device,
  reuse,
  json: json('Print one stage, one figure, one part of the environment or one note a line as JSON'),
  verbose,
}).pipe(
  Command.withHandler((flags) => diffCommand(flags)),
  Command.withDescription(
    'Say what differs between two pipelines, cells or recorded runs: parameters, code, metrics, environment',
  ),
  Command.withExamples([
    {
      command:
        'genepool diff pipelines/ablation.ts#init=learned,positions=end,loss=all,seed=1 pipelines/ablation.ts#init=random,positions=end,loss=all,seed=1',
      description: 'Two cells of a suite (axes in any order, as many as tell the cell)',
    },
  ]),
)

export const certify = Command.make('certify', {
  pipeline: pipeline.pipe(Argument.optional),
  sample: Flag.Int('sample').pipe(
    Flag.withDescription('Compute only so many stages again, drawn from the whole order; default: all'),
    Flag.optional,
  ),
  seed: Flag.Int('seed').pipe(
    Flag.withDescription('Draws the sample; default: a new one each time, kept in the certificate'),
    Flag.optional,
  ),
  tolerance: Flag.String('tolerance').pipe(
    Flag.withDescription(
      'How far figures may be off where an engine is not exact: top1=0.002,finalLoss=1%,*=2%; default: 0.005 of shares, 1% of others, 0 of counts',
    ),
    Flag.optional,
  ),
  out: Flag.String('out').pipe(
    Flag.withDescription("The certificate's file; default: a new one in the store's certificates/"),
    Flag.optional,
  ),
  check: Flag.String('check').pipe(
    Flag.withDescription('Instead: whether this certificate is as it was written, and the store holds what it names'),
    Flag.optional,
  ),
  store,
  engine,
  device,
  reuse,
  jobs,
  only,
  json: json('Print one stage a line as JSON, and the certificate as the last'),
  verbose,
}).pipe(
  Command.withHandler(
    Effect.fnUntraced(function* ({ jobs: wanted, ...flags }) {
      const { certifyCommand } = yield* Effect.promise(() => import('./commands/certify-command.js'))
      const jobsWanted = yield* jobsOf(wanted)
      const { pipeline: file, sample, seed, tolerance, out, check, only: stages } = flags
      return yield* certifyCommand({
        ...flags,
        jobs: jobsWanted,
        pipeline: Option.getOrUndefined(file),
        sample: Option.getOrUndefined(sample),
        seed: Option.getOrUndefined(seed),
        tolerance: Option.getOrUndefined(tolerance),
        out: Option.getOrUndefined(out),
        check: Option.getOrUndefined(check),
        only: Option.getOrUndefined(stages),
      })
    }),
  ),
  Command.withDescription('Compute stored stages again from clean, compare every byte, and write a certificate'),
  Command.withExamples([
    { command: 'genepool certify pipelines/quickstart.ts --sample 2', description: 'Two stages, drawn at random' },
    { command: 'genepool certify --check certificate.json', description: 'Does it still hold?' },
  ]),
)
