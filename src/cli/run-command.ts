/** `genepool run`: runs what is missing, shows it happening, ends with the table of models. */
import * as Effect from 'effect/Effect'
import { genepoolLayer } from '../compose.js'
import { runStages } from '../runtime/run.js'
import { StagesFailed } from './exit-codes.js'
import type { InspectFlags } from './inspect.js'
import { readModels, renderModels } from './models-table.js'
import { renderSuite } from './suite-table.js'
import { loadTarget } from './target.js'
import { jsonRenderer, liveRenderer, plainRenderer } from './renderers.js'

export interface RunFlags extends InspectFlags {
  readonly jobs: number
  readonly failFast: boolean
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
  const { graph, file, baseDir } = yield* loadTarget(flags.pipeline)
  const result = yield* runStages(graph, {
    engine: flags.engine,
    device: flags.device,
    reuse: flags.reuse,
    jobs: flags.jobs,
    failFast: flags.failFast,
    file,
    baseDir,
    emit: rendererFor(flags),
    ...(flags.only === undefined ? {} : { only: flags.only }),
  })
  if (graph.kind === 'suite' && !flags.json) process.stdout.write(`\n${renderSuite(result.cells)}\n`)
  const rows = flags.json || graph.kind === 'suite' ? undefined : yield* readModels(result.manifests.values())
  if (rows !== undefined) process.stdout.write(`\n${renderModels(rows)}\n`)
  if (result.failed > 0) return yield* new StagesFailed({ failed: result.failed })
  return undefined
})

export const runCommand = (flags: RunFlags) => runInStore(flags).pipe(Effect.provide(genepoolLayer(flags.store)))
