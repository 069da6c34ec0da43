/** Which engine is wanted, in words that need no tensors: public types name these, and must compile without any. */

export type EngineName = 'onnxruntime' | 'tensorflow' | 'cpu'
export type DeviceName = 'cpu' | 'cuda' | 'webgpu'

/** `auto` takes the fastest engine that loads. */
export type EngineWish = 'auto' | EngineName
/** `auto` takes the fastest device that works with the engine; `cuda:1` the second NVIDIA GPU. */
export type DeviceWish = 'auto' | DeviceName | `cuda:${number}`

export interface EngineOptions {
  readonly engine: EngineName
  readonly device: DeviceName
  /** Which of several devices of one class, counted from 0; default 0. */
  readonly deviceIndex?: number
  /** Threads inside one operation. */
  readonly threads: number
  /** Versions of the numeric packages that must be installed; opening the engine checks them where they are given. */
  readonly versions?: Readonly<Record<string, string>>
}
