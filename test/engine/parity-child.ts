/** A process of its own for one engine: argument, the request and the models as JSON; prints one line, the answer. */
import type { EngineOptions } from '../../src/engine/request.js'
import { openEngine } from '../../src/engine/choice/open.js'
import { measure, type Measured } from './parity-models.js'

export interface ParityTask {
  readonly request: EngineOptions
  /** All of them without any. */
  readonly models?: readonly string[]
}

/** `reason`: why the engine does not open. */
export type ParityAnswer = { readonly reason: string } | { readonly measured: Measured }

const { request, models } = JSON.parse(process.argv[2]) as ParityTask
const engine = await openEngine(request).catch((error: unknown) => error as Error)
const answer: ParityAnswer =
  engine instanceof Error ? { reason: engine.message } : { measured: await measure(engine, models) }
process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit(0))
