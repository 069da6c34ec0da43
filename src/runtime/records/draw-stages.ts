/** Which stages a sample takes: one of each of equal stretches of the order, so that the last ones are not always missed. */
import { createHash } from 'node:crypto'

/** A number from 0 up to but not including `below`, the same for the same words. */
const numberFrom = (words: string, below: number): number =>
  Number(createHash('sha256').update(words).digest().readBigUInt64BE(0) % BigInt(below))

/** Indices below `total`, ascending: all of them where `wanted` is no smaller. */
export const drawStages = (total: number, wanted: number, seed: number): readonly number[] =>
  wanted >= total
    ? Array.from({ length: total }, (_, index) => index)
    : Array.from({ length: wanted }, (_, stretch) => {
        const from = Math.floor((stretch * total) / wanted)
        const to = Math.floor(((stretch + 1) * total) / wanted)
        return from + numberFrom(`${seed} ${stretch}`, to - from)
      })
