/** `genepool run`: runs what is missing, shows it happening, ends with the table of models. */
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { genepoolLayer } from '../compose.js'
import { loadPipeline } from '../runtime/load.js'
import { runStages } from '../runtime/run.js'
import { StagesFailed } from './exit-codes.js'
import type { InspectFlags } from './inspect.js'
import { readModels, renderModels } from './models-table.js'
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
  const pipeline = yield* loadPipeline(flags.pipeline)
  const file = path.resolve(flags.pipeline)
  const result = yield* runStages(pipeline, {
    engine: flags.engine,
    device: flags.device,
    reuse: flags.reuse,
    jobs: flags.jobs,
    failFast: flags.failFast,
    file,
    baseDir: path.dirname(file),
    emit: rendererFor(flags),
    ...(flags.only === undefined ? {} : { only: flags.only }),
  })
  const rows = flags.json ? undefined : yield* readModels(result.manifests.values())
  if (rows !== undefined) process.stdout.write(`\n${renderModels(rows)}\n`)
  if (result.failed > 0) return yield* new StagesFailed({ failed: result.failed })
  return undefined
})

export const runCommand = (flags: RunFlags) => runInStore(flags).pipe(Effect.provide(genepoolLayer(flags.store)))
