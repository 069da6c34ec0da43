/** Which engine is wanted, in words that need no tensors: public types name these, and must compile without any. */

export type EngineName = 'onnxruntime' | 'tensorflow' | 'cpu'
export type DeviceName = 'cpu' | 'cuda' | 'webgpu'

export interface EngineRequest {
  readonly engine: EngineName
  readonly device: DeviceName
  /** Threads inside one operation. */
  readonly threads: number
}
