/** What the runtime knows of a stage of the user's own. */
import * as path from 'node:path'
import type { StageNode } from '../dsl/nodes.js'
import type { UserStageNode } from '../dsl/user-stage-node.js'
import type { StageKind } from './stage-contract.js'

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
