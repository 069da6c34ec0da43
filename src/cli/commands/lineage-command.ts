/** `genepool lineage`: how an artifact came about, all the way up. */
import * as Effect from 'effect/Effect'
import { genepoolLayer } from '../../compose.js'
import { UsageError } from '../../runtime/errors.js'
import { lineageOf, storedArtifact, type StoredMatch } from '../../runtime/records/lineage.js'
import { stageCalled } from '../../runtime/definition/find-stage.js'
import { Store } from '../../runtime/store/store.js'
import { describeReasons } from '../output/describe.js'
import { inspect, type InspectFlags } from '../input/inspect.js'
import { renderDot, renderTree } from '../output/lineage-tree.js'
import { isFile, parseTarget } from '../input/target.js'

export interface LineageFlags extends Omit<InspectFlags, 'pipeline' | 'only'> {
  readonly artifact: string
  /** With a pipeline as `artifact`. */
  readonly stage: string | undefined
  readonly json: boolean
  readonly dot: boolean
}

const ofStage = Effect.fnUntraced(function* (flags: LineageFlags, name: string) {
  const { graph, prepared, plan } = yield* inspect({ ...flags, pipeline: flags.artifact })
  const node = yield* stageCalled(graph, name)
  const manifest = plan.manifests.get(node)
  if (manifest !== undefined) return { fingerprint: manifest.fingerprint, also: [] } satisfies StoredMatch
  const at = prepared.stages.findIndex((stage) => stage.node === node)
  return yield* new UsageError({
    message: `stage '${node.name}' has no artifact as the pipeline stands: ${describeReasons(plan.stages[at]?.reasons ?? [])}`,
    hint: `genepool run ${flags.artifact} makes it`,
  })
})

const isDefinition = (file: string): boolean => /\.[cm]?[jt]sx?$/.test(file) && isFile(file)

const lineageInStore = Effect.fnUntraced(function* (flags: LineageFlags) {
  const { artifact, stage, json, dot } = flags
  if (json && dot) return yield* new UsageError({ message: '--json and --dot exclude each other' })
  if (stage === undefined && isDefinition(parseTarget(artifact).file)) {
    return yield* new UsageError({
      message: `${artifact} is a file of code: name one of its stages too`,
      hint: `genepool lineage ${artifact} STAGE; genepool plan ${artifact} lists the stages`,
    })
  }
  const found = stage === undefined ? yield* storedArtifact(artifact) : yield* ofStage(flags, stage)
  const manifest = (yield* Store).lookup(found.fingerprint)
  if (manifest === undefined) return yield* new UsageError({ message: `the artifact ${found.fingerprint} is gone` })
  const lineage = yield* lineageOf(manifest)
  if (json) process.stdout.write(`${JSON.stringify({ ...lineage, also: found.also })}\n`)
  else if (dot) process.stdout.write(`${renderDot(lineage)}\n`)
  else {
    const also = found.also.length === 0 ? '' : `the same bytes were made by ${found.also.join(', ')} too\n`
    process.stdout.write(`${renderTree(lineage)}\n${also}`)
  }
  return undefined
})

export const lineageCommand = (flags: LineageFlags) =>
  lineageInStore(flags).pipe(Effect.provide(genepoolLayer(flags.store)))
