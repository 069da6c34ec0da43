/** What can be told of the stages of a plan before any of them runs: that one cannot work, and what is odd about it. */
import type * as Effect from 'effect/Effect'
import { mapValues } from '../../base/objects.js'
import type { StageNode } from '../../dsl/nodes.js'
import type { UsageError } from '../errors.js'
import type { PlannedStage } from '../events.js'
import type { ImageCounts, Prospect } from '../stage-contract.js'
import { ofStage, type PreparedStage, usage } from './prepare.js'

/** Images that a stage's data have; undefined where that is not known. */
export type ImagesOf = Prospect['images']

export interface Foresight {
  /** One sentence for each thing that the user should know, with the stages that it is about. */
  readonly warnings: readonly string[]
  readonly images: ImagesOf
}

/** At most so many stages are named. */
const mostNamed = 3

/** Its own, else those of the first input that has any. */
const imagesBehind = (counts: ReadonlyMap<StageNode, ImageCounts>): ImagesOf => {
  const known = new Map<StageNode, ImageCounts | undefined>()
  const find = (node: StageNode): ImageCounts | undefined => {
    if (known.has(node)) return known.get(node)
    let found = counts.get(node)
    for (const from of Object.values(node.inputs)) found ??= find(from)
    known.set(node, found)
    return found
  }
  return find
}

const toRun = (stages: readonly PreparedStage[], planned: readonly PlannedStage[]): readonly PreparedStage[] =>
  stages.filter((_, index) => ['run', 'maybe'].includes(planned[index]?.status ?? ''))

const pathsOf = (sources: PreparedStage['sources']): Readonly<Record<string, string>> =>
  mapValues(sources, ({ path }) => path)

const readImages = async (stages: readonly PreparedStage[], planned: readonly PlannedStage[]): Promise<ImagesOf> => {
  const counts = new Map<StageNode, ImageCounts>()
  for (const { node, kind, sources, missing } of toRun(stages, planned).length === 0 ? [] : stages) {
    if (kind.images === undefined || missing !== undefined) continue
    counts.set(node, await ofStage(node, () => kind.images!(node.params, pathsOf(sources))))
  }
  return imagesBehind(counts)
}

/**
 * How many images the data of stages have, as far as their files are there. Of these only headers are read, and nothing
 * where all is cached. Fails with a UsageError where a header is wrong. `stages` and `planned` are in the same order.
 */
export const imagesOf = (
  stages: readonly PreparedStage[],
  planned: readonly PlannedStage[],
): Effect.Effect<ImagesOf, UsageError> => usage(() => readImages(stages, planned))

const describe = (warning: string, stages: readonly string[]): string => {
  const others = stages.length - mostNamed
  return `${stages.slice(0, mostNamed).join(', ')}${others > 0 ? ` and ${others} more` : ''}: ${warning}`
}

/** Looks at the stages that run or may. Fails with a UsageError for one that cannot work; else as `imagesOf`. */
export const foresee = (
  stages: readonly PreparedStage[],
  planned: readonly PlannedStage[],
  on: Omit<Prospect, 'images' | 'files'>,
): Effect.Effect<Foresight, UsageError> =>
  usage(async () => {
    const images = await readImages(stages, planned)
    const byWarning = new Map<string, string[]>()
    for (const { node, kind, sources, missing } of toRun(stages, planned)) {
      const files = missing === undefined ? pathsOf(sources) : undefined
      for (const warning of (await ofStage(node, async () => kind.foresee?.(node, { ...on, images, files }))) ?? []) {
        byWarning.set(warning, [...(byWarning.get(warning) ?? []), node.name])
      }
    }
    return { warnings: [...byWarning].map(([warning, names]) => describe(warning, names)), images }
  })
