/** The flags that every benchmark of an engine takes. */
import * as os from 'node:os'
import type { DeviceName, EngineName, EngineOptions } from '../src/engine/engine.js'

/** For `parseArgs`. */
export const engineOptions = {
  model: { type: 'string' },
  engine: { type: 'string', default: 'onnxruntime' },
  device: { type: 'string', default: 'cpu' },
  threads: { type: 'string', default: String(os.availableParallelism()) },
  torch: { type: 'string' },
} as const

export const requestOf = (flags: {
  readonly engine: string
  readonly device: string
  readonly threads: string
}): EngineOptions => ({
  engine: flags.engine as EngineName,
  device: flags.device as DeviceName,
  threads: Number(flags.threads),
})
