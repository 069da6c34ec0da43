/** Numbers as people read and write them. */

/** 4 302 → `4.3 s`, 95 000 → `1:35`, 3 723 000 → `1:02:03`. */
export const duration = (ms: number): string => {
  // What rounds up to the next unit is written in that.
  if (Math.round(ms) < 1_000) return `${Math.round(ms)} ms`
  if (Math.round(ms / 100) < 600) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

/** 5717416 → `5.72 M`. */
export const count = (value: number): string => {
  if (Math.abs(value) >= 9.995e14) return value.toPrecision(3)
  for (const [unit, size] of [
    ['T', 1e12],
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    // 999 600 is 1.00 M: three digits of it in thousands would be a thousand.
    if (Math.abs(value) >= 0.9995 * size) return `${(value / size).toPrecision(3)} ${unit}`
  }
  return Number.isInteger(value) ? String(value) : value.toPrecision(4)
}

/** The words as a sentence: `means are over …` → `Means are over ….` */
export const sentence = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}.`

/** All of them as sentences, one after the other. */
export const sentences = (all: readonly string[]): string => all.map(sentence).join(' ')

/** `1 seed`, `3 seeds`. */
export const plural = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`

export const percent = (share: number): string => `${(100 * share).toFixed(2)} %`

export const bytes = (value: number): string => {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    // 1023.96 KiB is 1.0 MiB: one digit of it in KiB would be 1024.0.
    if (value >= size - size / 20_480) return `${(value / size).toFixed(1)} ${unit}`
  }
  return `${value} B`
}

/** Milliseconds of one pass: `0.84 ms`, `12.3 ms`, `1 204 ms`. */
export const milliseconds = (ms: number): string =>
  `${ms < 1 ? ms.toFixed(2) : ms < 100 ? ms.toPrecision(3) : Math.round(ms)} ms`

/** `93.04 ± 0.21 %`; one value has no spread. */
export const percentSpread = ({ mean, std }: { readonly mean: number; readonly std: number | null }): string =>
  std === null ? percent(mean) : `${(100 * mean).toFixed(2)} ± ${(100 * std).toFixed(2)} %`

/** `5.72 M ± 120 k`; without a spread the number alone. */
export const countSpread = ({ mean, std }: { readonly mean: number; readonly std: number | null }): string =>
  std === null || std === 0 ? count(mean) : `${count(mean)} ± ${count(std)}`

/** `0.5123`; a dash where it was not a number. */
export const lossText = (loss: number | null): string => loss?.toFixed(4) ?? '–'

const sizes: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 }

const times: Readonly<Record<string, number>> = { '': 1, us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, min: 60e3 }

const parseQuantity = (text: string, units: Readonly<Record<string, number>>): number | undefined => {
  const [, digits, unit] = /^\s*((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-zµ]*)\s*$/i.exec(text) ?? []
  const factor = unit === undefined ? undefined : units[unit.toLowerCase()]
  if (digits === undefined || factor === undefined) return undefined
  const value = Number(digits) * factor
  return Number.isFinite(value) && value > 0 ? value : undefined
}

/** `5e6`, `5M`, `1.2G`, `800k` → a positive number; undefined for anything else. */
export const parseCount = (text: string): number | undefined => parseQuantity(text, sizes)

/** `20ms`, `0.02s`, `500us`, `20` → milliseconds, a positive number; undefined for anything else. */
export const parseMilliseconds = (text: string): number | undefined => parseQuantity(text, times)
