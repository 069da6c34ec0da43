import type { LatencyParams, Place } from './nodes.js'
import { COUNT, COUNT_OR_ZERO, OptionReader } from './option-reader.js'

/** Defaults: `batch` 64, `warmup` 3 and `rounds` 20 passes. */
export type LatencyOptions = Partial<LatencyParams>

/** Complete parameters of a latency measurement. */
export const readLatencyParams = (given: unknown, place?: Place): LatencyParams => {
  const options = new OptionReader([{ path: 'latency', options: given, known: ['batch', 'warmup', 'rounds'] }], place)
  return {
    batch: options.number('batch', COUNT, 64),
    warmup: options.number('warmup', COUNT_OR_ZERO, 3),
    rounds: options.number('rounds', COUNT, 20),
  }
}
