/**
 * Checkpoints: the state of a training that was interrupted, or that may go on, in one file that is written whole or
 * not at all.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../../base/errors.js'
import { partsOf } from '../../base/files.js'
import type { StageError } from '../../runtime/errors.js'
import { type HostTensor, readSafetensors, SafetensorsError, writeSafetensors } from '../tensors/safetensors.js'
import { type Component, parametersOf, partOfState, type StatePart } from './component.js'

/** One line of `history.jsonl`: an epoch's number, its mean losses, and the learning rate of its last step. */
export type HistoryLine = Readonly<Record<string, number>>

/** Where a training stands. An epoch's data order and draws follow from seed and epoch, so they need no state. */
export interface TrainingPosition {
  /** Epochs done, and batches done of the next one, counting whole updates only. */
  readonly epoch: number
  readonly step: number
  /** Sums over the batches of the unfinished epoch, by part of the loss. */
  readonly sums: readonly number[]
  readonly history: readonly HistoryLine[]
}

/** The file's name, in a folder of checkpoints and in the artifact of a training that can go on. */
export const TRAINING_STATE = 'training.safetensors'

/** Covers all of a checkpoint: training would go on from a flipped bit, and its result would look like any other. */
const checksumOf = (position: string, tensors: ReadonlyMap<string, HostTensor>): string => {
  const hash = createHash('sha256').update(position)
  for (const name of [...tensors.keys()].sort()) {
    hash.update(`\n${name}\n`)
    for (const part of partsOf(tensors.get(name)!.data)) hash.update(part)
  }
  return hash.digest('hex')
}

/** Replaces the checkpoint in `folder` by this position and these parts of the components' state. */
export const saveCheckpoint = (
  folder: string,
  position: TrainingPosition,
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
  const written = JSON.stringify({ ...position, updates })
  const sha256 = checksumOf(written, new Map(Object.entries(tensors)))
  writeSafetensors(join(folder, TRAINING_STATE), tensors, { position: written, sha256 })
}

/** Bytes of a checkpoint of these on the disk, without its header. */
export const checkpointBytes = (components: readonly Component[], parts: readonly StatePart[]): number =>
  Float32Array.BYTES_PER_ELEMENT * parts.length * parametersOf(components)

/** What the user is told where a checkpoint of so many bytes could not be written; room only helps on a full disk. */
export const unsavedText = ({ message, cause }: StageError, bytes: number, folder: string): string => {
  const unsaved = `cannot save a checkpoint (${message}); training goes on, but what an interruption costs grows`
  if (!['ENOSPC', 'EDQUOT'].includes(errorCode(cause) ?? '')) return unsaved
  const mebibytes = Math.max(1, Math.ceil(bytes / 2 ** 20))
  return `${unsaved}: ${mebibytes} MiB, twice where an older one is replaced, have to be free in ${folder}`
}

const stateOf = (tensors: ReadonlyMap<string, HostTensor>, name: string, size: number): Float32Array => {
  const data = tensors.get(name)?.data
  if (!(data instanceof Float32Array) || data.length !== size) throw new SafetensorsError(`${name} does not fit`)
  return data
}

interface Checkpoint {
  readonly position: TrainingPosition
  /** Puts the components into the checkpoint's state. */
  readonly restore: () => void
}

/** Undefined where there is no checkpoint, or where it is damaged or of other components. */
const readCheckpoint = (
  path: string,
  components: readonly Component[],
  parts: readonly StatePart[],
): Checkpoint | undefined => {
  if (!existsSync(path)) return undefined
  try {
    const { tensors, metadata } = readSafetensors(path)
    if (checksumOf(metadata['position'] ?? '', tensors) !== metadata['sha256']) return undefined
    const { updates, ...position } = JSON.parse(metadata['position']) as TrainingPosition & {
      updates: Record<string, number>
    }
    const states = components.map(({ name, layout }) =>
      parts.map((part) => [part, stateOf(tensors, `${part}.${name}`, layout.size)] as const),
    )
    const restore = () =>
      components.forEach((component, index) => {
        Object.assign(component, Object.fromEntries(states[index]), { updates: updates[component.name] })
      })
    return { position, restore }
  } catch (cause) {
    if (cause instanceof SafetensorsError || cause instanceof SyntaxError) return undefined
    throw cause
  }
}

const isFurther = (a: TrainingPosition, b: TrainingPosition): boolean =>
  a.epoch > b.epoch || (a.epoch === b.epoch && a.step > b.step)

/**
 * Puts the components into the state of the furthest checkpoint among these files (of equally far ones the first) and
 * returns its position. Where no file is a checkpoint of these components, returns undefined and changes nothing:
 * training starts anew.
 */
export const loadCheckpoint = (
  paths: readonly string[],
  components: readonly Component[],
  parts: readonly StatePart[],
): TrainingPosition | undefined => {
  const found = paths.flatMap((path) => readCheckpoint(path, components, parts) ?? [])
  const [first, ...others] = found
  const furthest = others.reduce((best, one) => (isFurther(one.position, best.position) ? one : best), first)
  furthest?.restore()
  return furthest?.position
}
