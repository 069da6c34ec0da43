/** What the benchmarks of an engine share: their flags, and the environment that a stage's process has. */
import { spawnSync } from 'node:child_process'
import * as os from 'node:os'
import type { DeviceName, EngineName, EngineOptions } from '../src/engine/request.js'
import { workerEnvironment } from '../src/runtime/execute/worker-memory.js'

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

/** Starts this program again, and ends it here, unless it has the environment of a stage's process. */
export const enterWorkerEnvironment = (): void => {
  const environment = workerEnvironment()
  if (Object.entries(environment).every(([name, value]) => process.env[name] === value)) return
  const { status } = spawnSync(process.execPath, process.argv.slice(1), { env: environment, stdio: 'inherit' })
  process.exit(status ?? 1)
}
