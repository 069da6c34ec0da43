/** The state of a training that was interrupted, in one file that is there whole or not at all. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { readSafetensors, SafetensorsError, writeSafetensors, type HostTensor } from '../model/safetensors.js'
import { partOfState, type Component, type StatePart } from './train-state.js'

/** Means over an epoch and the rate of its last step, one line of `history.jsonl`. */
export type HistoryLine = Readonly<Record<string, number>>

/** Where a training stands. Data order and draws of an epoch follow from seed and epoch, so they need no state. */
export interface Position {
  /** Epochs done, and batches done of the next one: those of whole updates. */
  readonly epoch: number
  readonly step: number
  /** Sums over the batches of the unfinished epoch, by part of the loss. */
  readonly sums: readonly number[]
  readonly history: readonly HistoryLine[]
}

const FILE = 'training.safetensors'

/** Replaces the checkpoint in `folder` by this position and these parts of the components' state. */
export const saveCheckpoint = (
  folder: string,
  position: Position,
  components: readonly Component[],
  parts: readonly StatePart[],
): void => {
  mkdirSync(folder, { recursive: true })
  const tensors: Record<string, HostTensor> = {}
  for (const component of components) {
    for (const part of parts) {
      const data = partOfState(component, part)
      tensors[`${part}.${component.name}`] = { shape: [component.layout.size], data }
    }
  }
  const updates = Object.fromEntries(components.map(({ name, updates }) => [name, updates]))
  writeSafetensors(join(folder, FILE), tensors, { position: JSON.stringify({ ...position, updates }) })
}

const stateOf = (tensors: ReadonlyMap<string, HostTensor>, name: string, size: number): Float32Array => {
  const data = tensors.get(name)?.data
  if (!(data instanceof Float32Array) || data.length !== size) throw new SafetensorsError(`${name} does not fit`)
  return data
}

/**
 * Puts the components into the checkpoint's state and returns its position; undefined, and nothing changed, where there
 * is no checkpoint or one that does not fit: then training starts anew.
 */
export const loadCheckpoint = (
  folder: string,
  components: readonly Component[],
  parts: readonly StatePart[],
): Position | undefined => {
  const path = join(folder, FILE)
  if (!existsSync(path)) return undefined
  try {
    const { tensors, metadata } = readSafetensors(path)
    const { updates, ...position } = JSON.parse(metadata['position']) as Position & { updates: Record<string, number> }
    const states = components.map(({ name, layout }) =>
      parts.map((part) => [part, stateOf(tensors, `${part}.${name}`, layout.size)] as const),
    )
    components.forEach((component, index) => {
      Object.assign(component, Object.fromEntries(states[index]), { updates: updates[component.name] })
    })
    return position
  } catch (cause) {
    if (cause instanceof SafetensorsError || cause instanceof SyntaxError) return undefined
    throw cause
  }
}
