/** Numbers as people write them on a command line. */

const sizes: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 }
const times: Readonly<Record<string, number>> = { '': 1, us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, min: 60e3 }

const parse = (text: string, units: Readonly<Record<string, number>>): number | undefined => {
  const [, digits, unit] = /^\s*((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-zµ]*)\s*$/i.exec(text) ?? []
  const factor = unit === undefined ? undefined : units[unit.toLowerCase()]
  if (digits === undefined || factor === undefined) return undefined
  const value = Number(digits) * factor
  return Number.isFinite(value) && value > 0 ? value : undefined
}

/** `5e6`, `5M`, `1.2G`, `800k` → a positive number; undefined for anything else. */
export const parseCount = (text: string): number | undefined => parse(text, sizes)

/** `20ms`, `0.02s`, `500us`, `20` → milliseconds, a positive number; undefined for anything else. */
export const parseMilliseconds = (text: string): number | undefined => parse(text, times)
