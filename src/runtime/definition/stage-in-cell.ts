/** What the name of a suite's stage says of the cells that it is in: `stitch[init=learned|random,seed=1]`. */
import type { AxisLabel } from '../../dsl/nodes.js'

export interface StageName {
  /** What cells call it. */
  readonly name: string
  /** `init=learned|random` */
  readonly parts: readonly string[]
}

/** `stitch[seed=1,init=learned]` → `stitch` and its parts; undefined where the brackets are not closed. */
export const parseStageName = (written: string): StageName | undefined => {
  const open = written.indexOf('[')
  if (open < 0) return { name: written, parts: [] }
  if (!written.endsWith(']')) return undefined
  const inside = written.slice(open + 1, -1)
  return { name: written.slice(0, open), parts: inside === '' ? [] : inside.split(',').map((part) => part.trim()) }
}

/** Whether all parts hold in the cell with these labels, its seed among them. */
export const isInCell = ({ parts }: StageName, labels: Readonly<Record<string, AxisLabel>>): boolean =>
  parts.every((part) => {
    const [axis, ...rest] = part.split('=')
    const label = labels[axis!]
    return label !== undefined && rest.join('=').split('|').includes(String(label))
  })
