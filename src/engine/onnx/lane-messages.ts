/** What passes between an engine and the threads of its lanes. */
import type { InferenceSession } from 'onnxruntime-node'
import type { DType, HostArray } from '../engine.js'

/** What a lane is started with. */
export interface LaneOptions {
  readonly session: InferenceSession.SessionOptions
  /** How many sessions it keeps in memory. */
  readonly sessions: number
}

/** An input or output under its name in the model. */
export interface NamedSpec {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: DType
  /** Elements. */
  readonly size: number
}

export type LaneRequest = { /** Comes back with the answer. */ readonly call: number } & (
  | {
      readonly type: 'load'
      readonly id: number
      readonly label: string
      readonly bytes: Uint8Array
      readonly inputs: readonly NamedSpec[]
      readonly outputs: readonly NamedSpec[]
    }
  | {
      readonly type: 'bind'
      readonly binding: number
      readonly id: number
      readonly inputs: readonly HostArray[]
      readonly outputs: readonly HostArray[]
    }
  | { readonly type: 'run'; readonly binding: number }
  | { readonly type: 'call'; readonly module: string; readonly name: string; readonly args: readonly unknown[] }
  | { readonly type: 'release'; readonly id: number }
  /** Releases what is left; the thread then ends by itself. */
  | { readonly type: 'end' }
)

export interface LaneAnswer {
  readonly call: number
  /** What went wrong, where something did. */
  readonly error?: string
}
