/** How long to wait before a crashed worker is started again. */
import { createHash } from 'node:crypto'

/** Longer than this nobody waits: whatever passes by itself has passed. */
const longestMs = 60_000

/**
 * Twice as long each time, at most a minute; of that between a half and all, so that stages that crashed together do not start
 * together. Drawn from `key` and the attempt, counted from 1: the same run waits the same time.
 */
export const retryDelay = (firstMs: number, attempt: number, key: string): number => {
  const draw = createHash('sha256').update(`${key}:${attempt}`).digest().readUInt32BE(0) / 2 ** 32
  return Math.round(Math.min(longestMs, firstMs * 2 ** (attempt - 1)) * (0.5 + draw / 2))
}
