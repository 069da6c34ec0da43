/** How long a run is expected to take, in words. */
import { duration } from '../../results/format.js'
import type { RunEstimate } from '../../runtime/records/run-estimate.js'

/** `about 4:10`, `2:05 to 4:10`, `at least 4:10 (3 stages are not known yet)`. */
export const describeEstimate = ({ leastMs, mostMs, unknown }: RunEstimate): string => {
  const open = unknown === 0 ? '' : ` (not counting ${unknown} ${unknown === 1 ? 'stage' : 'stages'} without history)`
  if (leastMs !== mostMs) return `${duration(leastMs)} to ${duration(mostMs)}${open}`
  return `${unknown === 0 ? 'about' : 'at least'} ${duration(mostMs)}${open}`
}
