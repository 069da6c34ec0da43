/** `genepool run`: runs what is missing, shows it happening, ends with the table of models. */
import * as Effect from 'effect/Effect'
import * as Command from 'effect/cli/Command'
import { UsageError } from '../../runtime/errors.js'
import { askGit } from '../../runtime/records/git-state.js'
import { runStages } from '../../runtime/run/run.js'
import {
  artifactFlags,
  checkJobs,
  failureFlags,
  type FlagsOf,
  jobsFlag,
  jsonFlag,
  onlyFlag,
  pipelineArgument,
  policyOf,
  switchFlag,
  verboseRunFlag,
} from '../input/flags.js'
import { inStore } from '../input/inspect.js'
import { loadTarget, parseTarget } from '../input/target.js'
import { StagesFailed } from '../output/exit-codes.js'
import { jsonRenderer, liveRenderer, plainRenderer } from '../output/renderers.js'
import { renderFinished } from '../output/results-tables.js'
import { stdout } from '../output/terminal.js'

const runFlags = {
  pipeline: pipelineArgument,
  ...artifactFlags,
  jobs: jobsFlag,
  only: onlyFlag,
  keepGoing: switchFlag('keep-going', 'Finish what does not depend on a failed stage (the default)'),
  failFast: switchFlag('fail-fast', 'Start nothing new once a stage has failed'),
  ...failureFlags,
  json: jsonFlag('Print one event a line as JSON, and nothing else'),
  verbose: verboseRunFlag,
}
type RunFlags = FlagsOf<typeof runFlags>

const rendererFor = ({ json, verbose }: RunFlags) => {
  if (json) return jsonRenderer(stdout, verbose)
  return stdout.isTTY === true ? liveRenderer(stdout, verbose) : plainRenderer(stdout, verbose)
}

const run = Effect.fnUntraced(function* (flags: RunFlags) {
  const { pipeline, engine, device, reuse, jobs, only, failFast } = flags
  if (flags.keepGoing && failFast) {
    return yield* new UsageError({ message: '--keep-going and --fail-fast exclude each other' })
  }
  yield* checkJobs(jobs)
  const policy = yield* policyOf(flags)
  // Git is asked first, because loading the definition takes longer than git does.
  const git = askGit({ file: parseTarget(pipeline).file, baseDir: '.' })
  const { graph, file, baseDir } = yield* loadTarget(pipeline)
  const emit = rendererFor(flags)
  const options = { engine, device, reuse, jobs, only, failFast, policy, file, baseDir, git, emit }
  const result = yield* runStages(graph, options)
  if (!flags.json) stdout.write(yield* renderFinished(graph, result.cells, pipeline))
  if (result.failed > 0) return yield* new StagesFailed({ failed: result.failed })
  return undefined
})

export const runCommand = Command.make('run', runFlags).pipe(
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
  Command.withHandler(inStore(run, { makesIt: true })),
)
