/** Benchmarks compute in what a stage's process has for an environment. */
import { spawnSync } from 'node:child_process'
import { workerEnvironment } from '../src/runtime/execute/worker-memory.js'

/** Starts this program again where its environment is another one; does not return then. */
export const enterWorkerEnvironment = (): void => {
  const environment = workerEnvironment()
  if (Object.entries(environment).every(([name, value]) => process.env[name] === value)) return
  const { status } = spawnSync(process.execPath, process.argv.slice(1), { env: environment, stdio: 'inherit' })
  process.exit(status ?? 1)
}
