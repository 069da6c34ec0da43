// Runs stages of probe-stages.js through the real runtime: the composition root with other stages, so that a test can
// start, signal and kill it like the command line. Its argument is a ProbeDefinition (probe.ts); prints events as JSON.
import * as path from 'node:path'
import * as NodeRuntime from '@effect/platform-node/NodeRuntime'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import { StagesFailed, teardown } from '../../dist/cli/exit-codes.js'
import { Executor } from '../../dist/runtime/executor.js'
import { LastKnown } from '../../dist/runtime/last-known.js'
import { planStages } from '../../dist/runtime/plan.js'
import { prepare } from '../../dist/runtime/prepare.js'
import { runStages } from '../../dist/runtime/run.js'
import { Engines, StageKinds } from '../../dist/runtime/services.js'
import { Store } from '../../dist/runtime/store.js'

const definition = JSON.parse(process.argv[2])
const { engine: numeric = 'cpu', device = 'cpu', deviceIndex } = definition
const {
  name = 'probe',
  version = '1',
  jobs = 2,
  failFast = false,
  plan = false,
  reuse = 'same-engine',
  only,
  store,
} = definition

const nodes = new Map()
for (const [stage, { kind, params = {}, reads = {} }] of Object.entries(definition.stages)) {
  const inputs = Object.fromEntries(Object.entries(reads).map(([input, from]) => [input, nodes.get(from)]))
  nodes.set(stage, { kind, name: stage, params, inputs })
}
const pipeline = { kind: 'pipeline', name, seed: 0, stages: [...nodes.values()] }

const kinds = Layer.succeed(StageKinds, {
  find: (kind) => ({
    kind,
    module: path.resolve('stages', 'probe-stages.js'),
    exportName: kind,
    usesEngine: kind === 'steps' || kind === 'engine',
    sources: (params) => (params.file === undefined ? {} : { file: path.resolve(params.file) }),
  }),
})
const engine = {
  engine: numeric,
  device,
  ...(deviceIndex === undefined ? {} : { deviceIndex }),
  why: 'it is there',
  identity: { engine: numeric, device, versions: { numbers: version } },
}
const engines = Layer.succeed(Engines, { packages: ['numbers'], resolve: () => Effect.succeed(engine) })
const emit = (event) => process.stdout.write(`${JSON.stringify(event)}\n`)

const planned = Effect.gen(function* () {
  const prepared = yield* prepare(pipeline, { engine, reuse, baseDir: process.cwd() })
  const { stages } = yield* planStages(prepared, new LastKnown(yield* Store, name))
  for (const stage of stages) emit(stage)
})
const options = {
  engine: 'auto',
  device: 'auto',
  reuse,
  jobs,
  failFast,
  baseDir: process.cwd(),
  emit,
  ...(only && { only }),
}
const ran = runStages(pipeline, options).pipe(
  Effect.flatMap(({ failed }) => (failed === 0 ? Effect.void : Effect.fail(new StagesFailed({ failed })))),
)
const layer = Layer.mergeAll(Store.layer(store), Executor.layerLocal, kinds, engines)

NodeRuntime.runMain((plan ? planned : ran).pipe(Effect.provide(layer)), { disableErrorReporting: true, teardown })
