/** What a stage is, whatever has been computed so far: two definitions' stages of one key give the same artifact. */
import type { StageNode } from '../../dsl/nodes.js'
import { fingerprintOf } from './fingerprint.js'
import type { Prepared } from './prepare.js'

/**
 * The stage's identity with the keys of its inputs in place of their content. Fingerprints are known only once all inputs
 * are there; keys are known before anything has run, so that plans can be compared.
 */
export const stageKeys = ({ stages }: Pick<Prepared, 'stages'>): ReadonlyMap<StageNode, string> => {
  const keys = new Map<StageNode, string>()
  for (const { node, identify } of stages) {
    const inputs = Object.entries(node.inputs).map(([input, from]) => [input, keys.get(from)!])
    keys.set(node, fingerprintOf(identify(Object.fromEntries(inputs))))
  }
  return keys
}
