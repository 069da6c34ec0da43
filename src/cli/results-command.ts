/** `genepool results`: the measured models of the definition as it stands. */
import * as Effect from 'effect/Effect'
import { UsageError } from '../runtime/errors.js'
import { Store } from '../runtime/store.js'
import { inspect, type InspectFlags } from './inspect.js'
import { readModels, renderModels } from './models-table.js'

export const resultsCommand = Effect.fnUntraced(function* (flags: InspectFlags & { readonly json: boolean }) {
  const { plan, store } = yield* inspect(flags)
  const rows = yield* readModels(plan.manifests.values()).pipe(Effect.provideService(Store, store))
  if (rows === undefined) {
    const missing = plan.stages.filter((stage) => stage.status !== 'cached').map((stage) => stage.stage)
    return yield* new UsageError({
      message: `there are no results of ${flags.pipeline} as it stands: ${
        missing.length === 0 ? 'it has no evaluate() stage' : `${missing.join(', ')} did not run with these parameters`
      }`,
      hint: `genepool run ${flags.pipeline}`,
    })
  }
  process.stdout.write(flags.json ? rows.map((row) => `${JSON.stringify(row)}\n`).join('') : `${renderModels(rows)}\n`)
})
