/** One stage of a store, computed again from clean: by a real run, in a store of its own that has only what it reads. */
import * as Effect from 'effect/Effect'
import type { StageNode } from '../../dsl/nodes.js'
import type { Emit, RunEvent, StageFailure } from '../events.js'
import { type RunOptions } from '../run-options.js'
import { runStages } from '../run.js'
import { openScratch } from '../store/scratch-store.js'
import { reachable, type StageGraph } from '../definition/stage-graph.js'
import { Store, type Manifest } from '../store/store.js'

export type Recomputed =
  /** `pathOf` holds as long as the scope is open. */
  | { readonly type: 'made'; readonly manifest: Manifest; readonly pathOf: (file: string) => string }
  | { readonly type: 'failed'; readonly failure: StageFailure }

type Options = Omit<RunOptions, 'only' | 'failFast' | 'emit'> & { readonly emit: Emit }

/** The stages of which it tells are its own: what they read is there. */
const own =
  (name: string, emit: Emit): Emit =>
  (event) => {
    if ('stage' in event && event.stage === name) emit(event)
  }

/** Everything that the stage reads has to be among `manifests`, verified. */
export const recompute = Effect.fnUntraced(function* (
  graph: StageGraph,
  node: StageNode,
  manifests: ReadonlyMap<StageNode, Manifest>,
  options: Options,
) {
  const above = reachable(Object.values(node.inputs)).flatMap((from) => manifests.get(from) ?? [])
  const root = yield* openScratch(above)
  let failure: StageFailure = { message: 'it did not run' }
  const started: string[] = []
  const emit = (event: RunEvent): void => {
    if (event.type === 'stage-started') started.push(event.stage)
    if (event.type === 'stage-failed') {
      const { message, hint } = event
      failure = { message: event.stage === node.name ? message : `${event.stage}: ${message}`, ...(hint && { hint }) }
    }
    own(node.name, options.emit)(event)
  }
  return yield* Effect.gen(function* () {
    const scratch = yield* Store
    const { manifests: made } = yield* runStages(graph, {
      ...options,
      only: node.name,
      failFast: true,
      milestones: false,
      emit,
    })
    const manifest = made.get(node.name)
    if (manifest === undefined) return { type: 'failed', failure } satisfies Recomputed
    // The plan is a moment old; what was edited since has made another stage of something above.
    const [other] = started.filter((name) => name !== node.name)
    if (other !== undefined) {
      const message = `${other} is not what it was when the plan was made: the definition, its code or its data are being edited`
      return { type: 'failed', failure: { message } } satisfies Recomputed
    }
    return { type: 'made', manifest, pathOf: (file) => scratch.blob(manifest.files[file]!) } satisfies Recomputed
  }).pipe(Effect.provide(Store.layer(root)))
})
