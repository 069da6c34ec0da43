/** The state of a training that was interrupted, in one file that is there whole or not at all. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { readSafetensors, SafetensorsError, writeSafetensors, type HostTensor } from '../model/safetensors.js'
import type { Component } from './train-state.js'

/** Means over an epoch and the rate of its last step, one line of `history.jsonl`. */
export type HistoryLine = Readonly<Record<string, number>>

/** Where a training stands. Data order and draws of an epoch follow from seed and epoch, so they need no state. */
export interface Position {
  /** Epochs done, and steps done of the next one. */
  readonly epoch: number
  readonly step: number
  /** Sums over the steps of the unfinished epoch, by part of the loss. */
  readonly sums: readonly number[]
  readonly history: readonly HistoryLine[]
}

const FILE = 'training.safetensors'
const STATE = ['theta', 'm', 'v'] as const

/** Replaces the checkpoint in `folder` by this position and the components' state. */
export const saveCheckpoint = (folder: string, position: Position, components: readonly Component[]): void => {
  mkdirSync(folder, { recursive: true })
  const tensors: Record<string, HostTensor> = {}
  for (const component of components) {
    for (const part of STATE) {
      tensors[`${part}.${component.name}`] = { shape: [component.layout.size], data: component[part] }
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
export const loadCheckpoint = (folder: string, components: readonly Component[]): Position | undefined => {
  const path = join(folder, FILE)
  if (!existsSync(path)) return undefined
  try {
    const { tensors, metadata } = readSafetensors(path)
    const { updates, ...position } = JSON.parse(metadata['position']) as Position & { updates: Record<string, number> }
    const states = components.map(({ name, layout }) =>
      STATE.map((part) => stateOf(tensors, `${part}.${name}`, layout.size)),
    )
    components.forEach((component, index) => {
      const [theta, m, v] = states[index]
      Object.assign(component, { theta, m, v, updates: updates[component.name] })
    })
    return position
  } catch (cause) {
    if (cause instanceof SafetensorsError || cause instanceof SyntaxError) return undefined
    throw cause
  }
}
