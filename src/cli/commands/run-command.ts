/** `genepool run`: runs what is missing, shows it happening, ends with the table of models. */
import * as Effect from 'effect/Effect'
import { genepoolLayer } from '../../compose.js'
import type { FailurePolicy } from '../../runtime/execute/failure-policy.js'
import { askGit } from '../../runtime/records/record-run.js'
import { runStages } from '../../runtime/run.js'
import { StagesFailed } from '../exit-codes.js'
import type { InspectFlags } from './inspect.js'
import { renderFinished } from '../text/finished-results.js'
import { loadTarget, parseTarget } from '../target.js'
import { jsonRenderer, liveRenderer, plainRenderer } from '../text/renderers.js'

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
