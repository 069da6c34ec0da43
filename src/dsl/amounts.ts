/** Times and sizes of memory as people write them: `90min`, `8GiB`. */

const msOf = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const
const bytesOf = {
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
} as const

/** `500ms`, `30s`, `90min`, `2h`, `1.5d`. */
export type Duration = `${number}${keyof typeof msOf}`
/** `512MiB`, `8GiB`, `1.5GB`. */
export type Size = `${number}${keyof typeof bytesOf}`

export const durationWords = 'a time such as 30s, 90min, 2h or 1d'
export const sizeWords = 'a size such as 512MiB or 8GiB'

const parse = (text: unknown, units: Readonly<Record<string, number>>): number | undefined => {
  if (typeof text !== 'string') return undefined
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text.trim()) ?? []
  const factor = unit !== undefined && Object.hasOwn(units, unit) ? units[unit] : undefined
  if (number === undefined || factor === undefined) return undefined
  const value = Number(number) * factor
  return value > 0 && Number.isFinite(value) ? value : undefined
}

/** Milliseconds; undefined for what is no time above 0. */
export const parseDuration = (text: unknown): number | undefined => parse(text, msOf)

/** Bytes; undefined for what is no size above 0. */
export const parseSize = (text: unknown): number | undefined => parse(text, bytesOf)

const short = (value: number): string => String(Number(value.toPrecision(3)))

/** 7_200_000 → `2 h`, 1_500 → `1.5 s`. */
export const durationText = (ms: number): string => {
  const unit = (['d', 'h', 'min', 's'] as const).find((each) => ms >= msOf[each]) ?? 'ms'
  return `${short(ms / msOf[unit])} ${unit}`
}

/** 8_589_934_592 → `8 GiB`. */
export const sizeText = (bytes: number): string => {
  const unit = (['TiB', 'GiB', 'MiB', 'KiB'] as const).find((each) => bytes >= bytesOf[each])
  return unit === undefined ? `${Math.round(bytes)} bytes` : `${short(bytes / bytesOf[unit])} ${unit}`
}
