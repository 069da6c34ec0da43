/** `genepool lineage`: how an artifact came about, all the way up. */
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import { stageCalled } from '../../runtime/definition/find-stage.js'
import { UsageError } from '../../runtime/errors.js'
import type { StoredMatch } from '../../runtime/records/lineage.js'
import { notStored } from '../../runtime/store/find-store.js'
import { Store } from '../../runtime/store/store.js'
import { artifactFlags, type FlagsOf, jsonFlag, stageArgument, switchFlag, verboseFlag } from '../input/flags.js'
import { inspect, inStore } from '../input/inspect.js'
import { isFile, parseTarget } from '../input/target.js'
import { describeReasons } from '../output/describe.js'
import { renderDot, renderTree } from '../output/lineage-tree.js'
import { printJson, say } from '../output/print.js'

const lineageFlags = {
  artifact: Argument.String('artifact').pipe(
    Argument.withDescription(
      'A fingerprint or content hash, or the first six digits of one; a file of an artifact; ' +
        'or a pipeline, before one of its stages',
    ),
  ),
  stage: stageArgument,
  ...artifactFlags,
  json: jsonFlag('Print every artifact of the tree as JSON'),
  dot: switchFlag('dot', 'Print a graph for Graphviz'),
  verbose: verboseFlag,
}
type LineageFlags = FlagsOf<typeof lineageFlags>

const ofStage = Effect.fnUntraced(function* (flags: LineageFlags, name: string) {
  const { graph, prepared, plan } = yield* inspect({ ...flags, pipeline: flags.artifact })
  const node = yield* stageCalled(graph, name)
  const manifest = plan.manifests.get(node)
  if (manifest !== undefined) return { fingerprint: manifest.fingerprint, also: [] } satisfies StoredMatch
  const at = prepared.stages.findIndex((stage) => stage.node === node)
  const because = describeReasons(plan.stages[at]?.reasons ?? [])
  return yield* notStored({
    message: `stage '${node.name}' has no artifact as the pipeline stands: ${because}`,
    hint: `genepool run ${flags.artifact} makes it`,
  })
})

const isDefinition = (file: string): boolean => /\.[cm]?[jt]sx?$/.test(file) && isFile(file)

const lineage = Effect.fnUntraced(function* (flags: LineageFlags) {
  const { artifact, stage, json, dot } = flags
  if (json && dot) return yield* new UsageError({ message: '--json and --dot exclude each other' })
  if (stage === undefined && isDefinition(parseTarget(artifact).file)) {
    return yield* new UsageError({
      message: `${artifact} is a file of code: name one of its stages too`,
      hint: `genepool lineage ${artifact} STAGE; genepool plan ${artifact} lists the stages`,
    })
  }
  const { lineageOf, storedArtifact } = yield* Effect.promise(() => import('../../runtime/records/lineage.js'))
  const found = stage === undefined ? yield* storedArtifact(artifact) : yield* ofStage(flags, stage)
  const manifest = (yield* Store).lookup(found.fingerprint)
  if (manifest === undefined) return yield* new UsageError({ message: `the artifact ${found.fingerprint} is gone` })
  const whole = yield* lineageOf(manifest)
  if (json) return printJson({ ...whole, also: found.also })
  if (dot) return say(renderDot(whole))
  say(renderTree(whole))
  if (found.also.length > 0) say(`the same bytes were made by ${found.also.join(', ')} too`)
  return undefined
})

export const lineageCommand = Command.make('lineage', lineageFlags).pipe(
  Command.withDescription(
    'Say how an artifact came about, all the way up: stages, parameters, code, runs, machines, commits',
  ),
  Command.withHandler(inStore(lineage)),
)
