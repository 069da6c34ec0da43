/** The command line's words: flags, arguments, help. Each handler reads its flags and calls one function. */
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { genepoolLayer } from '../../compose.js'
import { UsageError } from '../../runtime/errors.js'
import type { FailurePolicy } from '../../runtime/execute/failure-policy.js'
import { askGit } from '../../runtime/records/git-state.js'
import { runStages } from '../../runtime/run/run.js'
import {
  device,
  engine,
  failureFlags,
  jobs,
  jobsOf,
  json,
  only,
  pipeline,
  policyOf,
  reuse,
  store,
  verbose,
} from '../input/flags.js'
import type { InspectFlags } from '../input/inspect.js'
import { loadTarget, parseTarget } from '../input/target.js'
import { StagesFailed } from '../output/exit-codes.js'
import { jsonRenderer, liveRenderer, plainRenderer } from '../output/renderers.js'
import { renderFinished } from '../output/results-tables.js'

/** `genepool run`: runs what is missing, shows it happening, ends with the table of models. */

export interface RunFlags extends InspectFlags {
  readonly jobs: number
  readonly failFast: boolean
  readonly policy: FailurePolicy
  readonly json: boolean
  readonly verbose: boolean
}

const rendererFor = (flags: RunFlags) => {
  if (flags.json) return jsonRenderer(process.stdout)
  return process.stdout.isTTY
    ? liveRenderer(process.stdout, flags.verbose)
    : plainRenderer(process.stdout, flags.verbose)
}

const runInStore = Effect.fnUntraced(function* (flags: RunFlags) {
  // Loading the definition takes longer than git does.
  const git = askGit({ file: parseTarget(flags.pipeline).file, baseDir: '.' })
  const { graph, file, baseDir } = yield* loadTarget(flags.pipeline)
  const result = yield* runStages(graph, {
    engine: flags.engine,
    device: flags.device,
    reuse: flags.reuse,
    jobs: flags.jobs,
    failFast: flags.failFast,
    policy: flags.policy,
    file,
    baseDir,
    git,
    emit: rendererFor(flags),
    ...(flags.only === undefined ? {} : { only: flags.only }),
  })
  if (!flags.json) process.stdout.write(yield* renderFinished(graph, result.cells, flags.pipeline))
  if (result.failed > 0) return yield* new StagesFailed({ failed: result.failed })
  return undefined
})

export const runCommand = (flags: RunFlags) => runInStore(flags).pipe(Effect.provide(genepoolLayer(flags.store)))

export const run = Command.make('run', {
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
