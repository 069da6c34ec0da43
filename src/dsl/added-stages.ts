/** Where stages of the user's own stand in a pipeline: behind what they read, be it named before or after them. */
import { closest } from './closest.js'
import { deepFreeze } from './deep-freeze.js'
import { DefinitionError } from './definition-error.js'
import type { StageNode } from './nodes.js'
import { isUserStage, type UserStage } from './stage.js'
import type { UserStageNode } from './user-stage-node.js'

/** The user's stages with all that they read, each once, in an order in which inputs come first. */
const withInputs = (added: readonly UserStage[], byName: ReadonlyMap<string, UserStage>): readonly UserStage[] => {
  const ordered = new Set<UserStage>()
  const open = new Set<UserStage>()
  const readBy = (each: UserStage): readonly UserStage[] =>
    Object.values(each.inputs).flatMap((from) => (isUserStage(from) ? [from] : (byName.get(from) ?? [])))
  // A stack of its own: a chain of stages may be longer than the call stack.
  const pending: { readonly stage: UserStage; entered: boolean }[] = []
  const visit = (root: UserStage): void => {
    pending.push({ stage: root, entered: false })
    while (pending.length > 0) {
      const top = pending[pending.length - 1]!
      if (ordered.has(top.stage) || top.entered) {
        ordered.add(top.stage)
        open.delete(top.stage)
        pending.pop()
        continue
      }
      top.entered = true
      open.add(top.stage)
      for (const from of [...readBy(top.stage)].reverse()) {
        if (open.has(from)) {
          const message = `the stages '${top.stage.name}' and '${from.name}' need each other's artifacts`
          throw new DefinitionError('mismatch', message, top.stage.call.place)
        }
        if (!ordered.has(from)) pending.push({ stage: from, entered: false })
      }
    }
  }
  for (const each of added) visit(each)
  return [...ordered]
}

const noSuchStage = (stage: UserStage, input: string, name: string, known: readonly string[]): DefinitionError => {
  const meant = closest(name, known)
  const advice = meant === undefined ? `write one of ${known.slice(0, 12).join(', ')}` : `did you mean '${meant}'?`
  const message = `stage '${stage.name}': inputs.${input} is '${name}', and the pipeline has no such stage: ${advice}`
  return new DefinitionError('mismatch', message, stage.call.place)
}

const nodeOf = (stage: UserStage, inputs: Readonly<Record<string, StageNode>>): UserStageNode =>
  deepFreeze({
    kind: 'stage',
    name: stage.name,
    params: stage.params,
    inputs,
    call: stage.call,
    sources: stage.sources,
    usesEngine: stage.usesEngine,
    warm: stage.warm,
    place: stage.call.place,
  })

/** The pipeline's own stages, then those of the user. Throws a DefinitionError for an input that is no stage. */
export const addUserStages = (
  pipeline: string,
  stages: readonly StageNode[],
  added: readonly UserStage[],
): readonly StageNode[] => {
  if (added.length === 0) return stages
  const byName = new Map(added.map((each) => [each.name, each]))
  const nodes = new Map(stages.map((node) => [node.name, node]))
  const nodeOfStage = new Map<UserStage, UserStageNode>()
  for (const each of withInputs(added, byName)) {
    const inputs: Record<string, StageNode> = {}
    for (const [input, from] of Object.entries(each.inputs)) {
      const node = isUserStage(from) ? nodeOfStage.get(from) : nodes.get(from)
      if (node === undefined) throw noSuchStage(each, input, String(from), [...nodes.keys()])
      inputs[input] = node
    }
    const node = nodeOf(each, inputs)
    if (nodes.has(node.name)) {
      const message = `pipeline '${pipeline}' has two stages called '${node.name}': write another name`
      throw new DefinitionError('duplicateName', message, each.call.place)
    }
    nodeOfStage.set(each, node)
    nodes.set(node.name, node)
  }
  return [...stages, ...nodeOfStage.values()]
}
