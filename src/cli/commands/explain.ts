/** `genepool explain`: why each stage runs or is cached, with nothing left out. */
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import { isObject, mapValues } from '../../base/objects.js'
import { duration, plural } from '../../results/format.js'
import { stagesCalled } from '../../runtime/definition/find-stage.js'
import type { Reason } from '../../runtime/events.js'
import type { EngineIdentity } from '../../runtime/fingerprint.js'
import { machineOf } from '../../runtime/machine.js'
import { imagesOf } from '../../runtime/plan/foresee.js'
import { cutOffBehind } from '../../runtime/plan/plan.js'
import type { PreparedStage } from '../../runtime/plan/prepare.js'
import { expectedOf, ExpectedTimes } from '../../runtime/records/estimate.js'
import { Engines } from '../../runtime/services.js'
import type { Manifest } from '../../runtime/store/store.js'
import { artifactFlags, type FlagsOf, jsonFlag, pipelineArgument, stageArgument, verboseFlag } from '../input/flags.js'
import { inspect, inStore } from '../input/inspect.js'
import { describeMaker, describeReason } from '../output/describe.js'
import { printJson, say } from '../output/print.js'

const explainFlags = {
  pipeline: pipelineArgument,
  stage: stageArgument.pipe(
    Argument.withDescription('Only this stage, e.g. teacher or distill/tiny; of a suite, all called so'),
  ),
  ...artifactFlags,
  json: jsonFlag('Print one stage a line as JSON'),
  verbose: verboseFlag,
}

/** What is in a stage's key, in numbers. */
interface Key {
  readonly kind: string
  readonly params: object
  /** The stage behind each input. */
  readonly inputs: Readonly<Record<string, string>>
  /** The path of each file from outside. */
  readonly sources: Readonly<Record<string, string>>
  readonly code: {
    readonly digest: string
    readonly symbols: number
    readonly files: number
    readonly packages: number
    /** Names of edits that were accepted and count as what was before them. */
    readonly accepted: readonly string[]
  }
  readonly engine: EngineIdentity | null
}

interface Explained {
  readonly stage: string
  readonly kind: string
  readonly status: 'cached' | 'run' | 'maybe'
  readonly reasons: readonly Reason[]
  readonly key: Key
  readonly fingerprint?: string
  readonly made?: Manifest['made']
  readonly madeBy?: EngineIdentity
  /** Stages that need not run if this one gives the same as before. */
  readonly cutOff: readonly string[]
  readonly expectedMs: number | null
}

const keyOf = (stage: PreparedStage, code: Key['code'], manifest: Manifest | undefined): Key => {
  const { node, sources } = stage
  const identity = manifest?.identity ?? stage.identify({})
  return {
    kind: identity.kind,
    params: identity.params,
    inputs: mapValues(node.inputs, ({ name }) => name),
    sources: mapValues(sources, ({ path }) => path),
    code,
    engine: identity.engine,
  }
}

const countLeaves = (value: unknown): number =>
  isObject(value) ? Object.values(value).reduce((sum: number, each) => sum + countLeaves(each), 0) : 1

const listed = (names: readonly string[], none: string): string => (names.length === 0 ? none : names.join(', '))

const describeKey = ({ key, madeBy }: Explained): readonly string[] => {
  const { kind, params, inputs, sources, code, engine } = key
  const maker = madeBy === undefined ? '' : `, ${describeMaker(madeBy)}`
  return [
    `kind ${kind}, ${plural(countLeaves(params), 'parameter')}`,
    `inputs ${listed(
      Object.entries(inputs).map(([input, from]) => (input === from ? from : `${input} ← ${from}`)),
      'none',
    )}; files from outside ${listed(Object.keys(sources), 'none')}`,
    `code ${code.digest.slice(0, 12)}: ${plural(code.symbols, 'symbol')} in ${plural(code.files, 'file')}, ` +
      plural(code.packages, 'package'),
    ...(code.accepted.length === 0 ? [] : [`accepted edits of ${code.accepted.join(', ')}`]),
    `engine ${engine === null ? 'none' : describeEngine(engine)}${maker}`,
  ]
}

const describeEngine = ({ engine, device, versions }: EngineIdentity): string => {
  const numbers = Object.entries(versions).map(([library, version]) => `${library} ${version}`)
  return `${engine} on ${device} (${numbers.join(', ')})`
}

const says: Readonly<Record<Explained['status'], string>> = { cached: 'cached', run: 'runs', maybe: 'may run' }

const reasonLines = (reason: Reason): readonly string[] => [
  `  ${describeReason(reason)}`,
  ...(reason.type === 'code-changed' && reason.chain.length > 2 ? [`    ${reason.chain.join(' → ')}`] : []),
]

const titled = (title: string, lines: readonly string[]): readonly string[] =>
  lines.map((line, index) => `  ${(index === 0 ? title : '').padEnd(12)}${line}`)

const render = (explained: Explained): string => {
  const { stage, status, reasons, fingerprint, made, cutOff, expectedMs: expected } = explained
  return [
    `${stage}  ${says[status]}`,
    ...reasons.flatMap(reasonLines),
    ...(fingerprint === undefined ? [] : titled('fingerprint', [fingerprint])),
    ...(made === undefined ? [] : titled('made', [`${made.at} by run ${made.run}, in ${duration(made.ms)}`])),
    ...titled('key', describeKey(explained)),
    ...(cutOff.length === 0 ? [] : titled('cuts off', [`${cutOff.join(', ')}, if it gives the same as before`])),
    ...(status === 'cached' || expected === null ? [] : titled('expected', [`${duration(expected)}, as before`])),
  ].join('\n')
}

const explain = Effect.fnUntraced(function* (flags: FlagsOf<typeof explainFlags>) {
  const { graph, prepared, plan, store, engine } = yield* inspect(flags)
  const wanted = flags.stage === undefined ? undefined : new Set(yield* stagesCalled(graph, flags.stage))
  const deviceName = (yield* Engines).deviceName(engine)
  const here = { definition: graph.remembered.as, engine, machine: machineOf(deviceName) }
  // A file that is wrong is told by plan and run.
  const images = yield* imagesOf(prepared.stages, plan.stages).pipe(Effect.orElseSucceed(() => () => undefined))
  const times = ExpectedTimes.open(store, here, images)
  const cutOffs = cutOffBehind(prepared, plan)
  const explained: Explained[] = []
  for (const [index, stage] of prepared.stages.entries()) {
    const { node, codeEntry, codeWithout } = stage
    if (wanted !== undefined && !wanted.has(node)) continue
    const { status, reasons, madeBy } = plan.stages[index]
    const manifest = plan.manifests.get(node)
    const record = yield* Effect.promise(() => prepared.code.current(codeEntry, codeWithout))
    const symbols = Object.values(record?.symbols ?? {})
    const code = {
      digest: stage.code,
      symbols: symbols.length,
      files: new Set(symbols.map(({ file }) => file)).size,
      packages: Object.keys(record?.packages ?? {}).length,
      accepted: (record?.accepted ?? []).map(({ symbol }) => symbol),
    }
    explained.push({
      stage: node.name,
      kind: node.kind,
      status,
      reasons,
      key: keyOf(stage, code, manifest),
      fingerprint: manifest?.fingerprint,
      made: manifest?.made,
      madeBy,
      cutOff: cutOffs.get(node) ?? [],
      expectedMs: expectedOf(stage, plan.stages[index], times)?.ms ?? null,
    })
  }
  if (flags.json) for (const each of explained) printJson(each)
  else say(explained.map(render).join('\n\n'))
})

export const explainCommand = Command.make('explain', explainFlags).pipe(
  Command.withDescription(
    'Say why each stage runs or is cached: what changed, down to the symbol, and how the stage reaches it',
  ),
  Command.withHandler(inStore(explain)),
)
