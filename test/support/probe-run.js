// Runs stages of probe-stages.js through the real runtime: the composition root with other stages, so that a test can
// start, signal and kill it like the command line. Its argument is a file with what is to run (probe.ts); prints
// events.
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as NodeRuntime from '@effect/platform-node-shared/NodeRuntime'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import { StagesFailed, teardown } from '../../dist/cli/output/exit-codes.js'
import { Executor } from '../../dist/runtime/execute/executor.js'
import { readPolicy } from '../../dist/runtime/execute/failure-policy.js'
import { LastKnown } from '../../dist/runtime/plan/last-known.js'
import { planStages } from '../../dist/runtime/plan/plan.js'
import { prepare } from '../../dist/runtime/plan/prepare.js'
import { runStages } from '../../dist/runtime/run/run.js'
import { Engines, StageKinds } from '../../dist/runtime/services.js'
import { stageGraph } from '../../dist/runtime/definition/stage-graph.js'
import { Store } from '../../dist/runtime/store/store.js'

const definition = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))
const { engine: numeric = 'cpu', device = 'cpu', deviceIndex } = definition
const {
  name = 'probe',
  version = '1',
  jobs = 2,
  failFast = false,
  plan = false,
  reuse = 'same-engine',
  only,
  deviceName,
  store,
  policy = {},
  timeouts,
  warm = false,
  gpu,
} = definition

const pipelineOf = (stages) => {
  const nodes = new Map()
  for (const [stage, { kind, params = {}, reads = {} }] of Object.entries(stages)) {
    const inputs = Object.fromEntries(Object.entries(reads).map(([input, from]) => [input, nodes.get(from)]))
    nodes.set(stage, { kind, name: stage, params, inputs })
  }
  return { kind: 'pipeline', name, seed: 0, stages: [...nodes.values()], ...(timeouts && { timeouts }) }
}
const cellOf = ({ at, seed, stages }) => ({
  name: [...Object.entries(at), ['seed', seed]].map(([axis, label]) => `${axis}=${label}`).join(','),
  at,
  seed,
  pipeline: pipelineOf(stages),
})
const { axes, seeds, cells, stages } = definition
const defined =
  cells === undefined ? pipelineOf(stages) : { kind: 'suite', name, axes, seeds, cells: cells.map(cellOf) }

const kinds = Layer.succeed(StageKinds, {
  find: (kind) => ({
    kind,
    module: path.resolve('stages', 'probe-stages.js'),
    entry: { export: kind },
    usesEngine: ['steps', 'engine', 'clock', 'climb', 'timedOnEngine', 'engineSlowSave'].includes(kind),
    ...(kind === 'clock' && { exclusive: true, onMachine: true }),
    ...(kind === 'climb' && {
      extends: {
        at: 'to',
        unit: 'number',
        refuses: (params) => (params.closed === true ? 'it is closed' : undefined),
        follow: ['follows'],
        every: 'every',
      },
    }),
    ...(kind === 'timedAlone' && { exclusive: true }),
    ...(warm && { warm }),
    gpuBytes: ({ params }) => params.gpuBytes,
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
const engines = Layer.succeed(Engines, {
  packages: ['numbers'],
  deviceName: () => deviceName,
  gpu: () => gpu,
  resolve: () => Effect.succeed(engine),
})
const emit = (event) => process.stdout.write(`${JSON.stringify(event)}\n`)

const planned = Effect.gen(function* () {
  const graph = yield* stageGraph(defined)
  const prepared = yield* prepare(graph, { engine, reuse, baseDir: process.cwd() })
  const plan = yield* planStages(prepared, new LastKnown(yield* Store, graph.remembered))
  for (const stage of plan.stages) emit(stage)
})
const options = {
  engine: 'auto',
  device: 'auto',
  reuse,
  jobs,
  failFast,
  baseDir: process.cwd(),
  policy: readPolicy(policy, (word) => word),
  emit,
  ...(only && { only }),
}
const ran = stageGraph(defined).pipe(
  Effect.flatMap((graph) => runStages(graph, options)),
  Effect.flatMap(({ failed }) => (failed === 0 ? Effect.void : Effect.fail(new StagesFailed({ failed })))),
)
const layer = Layer.mergeAll(Store.layer(store), Executor.layerLocal(), kinds, engines)

NodeRuntime.runMain((plan ? planned : ran).pipe(Effect.provide(layer)), { disableErrorReporting: true, teardown })
