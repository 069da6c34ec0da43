/** What the runtime knows of a stage of the user's own. */
import * as path from 'node:path'
import type { PipelineNode, StageNode } from '../../dsl/nodes.js'
import type { UserStageNode } from '../../dsl/stage.js'
import { UsageError } from '../errors.js'
import type { StageKind } from '../stage-contract.js'

export const isUserStageNode = (node: StageNode): node is UserStageNode => node.kind === 'stage' && 'call' in node

/** `file` is the definition's: importing it makes the call; without one, the file that the call is in. */
export const userStageKind = (
  { call, sources, usesEngine, warm }: UserStageNode,
  file: string | undefined,
): StageKind => ({
  kind: 'stage',
  module: file ?? call.place.file,
  entry: { call: call.name, place: call.place },
  usesEngine,
  ...(warm && { warm }),
  sources: (_params, baseDir) =>
    Object.fromEntries(Object.entries(sources).map(([role, file]) => [role, path.resolve(baseDir, file)])),
})

const placeKey = ({ call }: UserStageNode): string => `${call.place.file}:${call.place.line}:${call.place.column}`

/**
 * Places of calls that were made more than once for these pipelines: the code of all stages that come from one is the
 * same.
 */
export const repeatedCalls = (pipelines: readonly PipelineNode[]): ReadonlySet<string> => {
  const first = new Map<string, UserStageNode['call']>()
  const repeated = new Set<string>()
  for (const node of pipelines.flatMap(({ stages }) => stages)) {
    if (!isUserStageNode(node)) continue
    const key = placeKey(node)
    const call = first.get(key)
    if (call === undefined) first.set(key, node.call)
    else if (call !== node.call) repeated.add(key)
  }
  return repeated
}

export const isRepeated = (repeated: ReadonlySet<string>, node: UserStageNode): boolean => repeated.has(placeKey(node))

/** Such stages would share their artifacts, whatever the variables hold in each of them. */
export const capturesError = ({ name, call: { place } }: UserStageNode): UsageError =>
  new UsageError({
    message:
      `stage '${name}': its function reads a variable of the code around it, and the call is made several times ` +
      `(${place.file}:${place.line}): nothing tells what it is in which of them`,
    hint: 'give it to the function in params: stage(name, { params: { k }, run: ({ params }) => … params.k … })',
  })
