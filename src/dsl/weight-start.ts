import type { WeightStart } from './nodes.js'
import { OptionReader, POSITIVE } from './option-reader.js'

/** Below this width a standard deviation of 0.02 is too small to train from (docs/method.md, section 1). */
const PAPER_WIDTH = 192

/** Reads `weightStart`; by default truncated normal 0.02 from width 192 on, Xavier uniform with gain 1 below. */
export const readWeightStart = (options: OptionReader, embedDim: number): WeightStart => {
  if (!options.has('weightStart')) {
    return embedDim >= PAPER_WIDTH ? { type: 'truncatedNormal', std: 0.02 } : { type: 'xavierUniform', gain: 1 }
  }
  const start = new OptionReader(
    [{ path: options.path('weightStart'), options: options.value('weightStart'), known: ['type', 'std', 'gain'] }],
    options.place,
  )
  const type = start.choice('type', ['truncatedNormal', 'xavierUniform'])
  const stray = type === 'truncatedNormal' ? 'gain' : 'std'
  if (start.has(stray)) start.fail('unknownOption', stray, `does not go with type '${type}': leave it out`)
  return type === 'truncatedNormal'
    ? { type, std: start.number('std', POSITIVE, 0.02) }
    : { type, gain: start.number('gain', POSITIVE, 1) }
}
