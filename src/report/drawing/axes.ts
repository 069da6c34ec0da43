/** Axes with round ticks: costs on a linear or, over a wide span, a logarithmic scale; accuracies in per cent. */
import { count } from '../../results/format.js'
import type { Cost } from '../../results/pareto.js'
import { extentOf, largestOf } from '../../results/statistics.js'

/** From this ratio of the highest to the lowest cost on the scale is logarithmic. */
const wideSpan = 12

interface CostAxis {
  readonly domain: readonly [number, number]
  readonly label: string
  /** Options of Observable Plot's scale. */
  readonly options: {
    readonly type: 'linear' | 'log'
    readonly domain: number[]
    readonly ticks: number[]
    readonly tickFormat: (value: number) => string
  }
}

/** Without zeros after the point: `1 M` for `1.00 M`. */
export const shortCount = (value: number): string =>
  count(value)
    .replace(/(\.\d*?)0+(?= |$)/, '$1')
    .replace(/\.(?= |$)/, '')

/** A tick with all its digits: Plot's default would write 12.5 as 13. */
export const exactTick = (value: number): string => String(Number(value.toFixed(6)))

/** Of ticks on a logarithmic scale, each in its own unit. */
const logLabels: Readonly<Record<Cost, (value: number) => string>> = {
  params: shortCount,
  macs: shortCount,
  latency: (value) => `${exactTick(value)} ms`,
}

/** What the numbers of a linear scale are: counts have a unit (k, M, …), of which there is one for all ticks. */
type Quantity = 'number' | 'count' | 'ms'

const quantityOf: Readonly<Record<Cost, Quantity>> = { params: 'count', macs: 'count', latency: 'ms' }

const countUnits = [
  [' T', 1e12],
  [' G', 1e9],
  [' M', 1e6],
  [' k', 1e3],
] as const

const mostDecimals = 6

/** As many decimals for all as the one needs that needs most, so that even distances read as even distances. */
const evenLabels = (ticks: readonly number[], quantity: Quantity): ((value: number) => string) => {
  const largest = largestOf(ticks.map(Math.abs))
  const [unit, size] =
    (quantity === 'count' ? countUnits.find(([, least]) => largest >= least) : undefined) ??
    ([quantity === 'ms' ? ' ms' : '', 1] as const)
  const isWhole = (value: number): boolean => Math.abs(value - Math.round(value)) <= 1e-6 * Math.abs(value)
  const powers = Array.from({ length: mostDecimals + 1 }, (_, decimals) => decimals)
  const decimals = powers.find((each) => ticks.every((tick) => isWhole((tick / size) * 10 ** each)))
  return (value) => {
    if (value === 0) return '0'
    const number = value / size
    return `${decimals === undefined || largest >= 1e15 ? number.toPrecision(3) : number.toFixed(decimals)}${unit}`
  }
}

export const costTitle = (cost: Cost, batch = 1): string =>
  cost === 'params'
    ? 'parameters'
    : cost === 'macs'
      ? 'multiply-accumulates an image'
      : `the median time of a pass over ${batch === 1 ? 'one image' : `${batch} images`}`

/** 1, 2 and 5 times powers of ten, fewer where they would crowd. */
const logTicks = (low: number, high: number, most: number): readonly number[] => {
  const powers = Array.from(
    { length: Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1 },
    (_, index) => 10 ** (Math.floor(Math.log10(low)) + index),
  )
  const within = (steps: readonly number[]): readonly number[] =>
    powers.flatMap((power) => steps.map((step) => step * power)).filter((tick) => tick >= low && tick <= high)
  const choices = [[1, 2, 5], [1, 3], [1]].map(within)
  return choices.find((ticks) => ticks.length <= most) ?? choices.at(-1)!
}

/** Round numbers from the lowest to the highest value. */
export const linearTicks = (low: number, high: number, most: number): readonly number[] => {
  const rough = (high - low) / most
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 10 * power
  const first = Math.ceil(low / step - 1e-9)
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, index) => (first + index) * step)
}

/** Round numbers at even distances and their labels, for a linear scale of Observable Plot. */
export const evenTicks = (low: number, high: number, most: number, quantity: Quantity = 'number') => {
  const ticks = [...linearTicks(low, high, most)]
  return { ticks, tickFormat: evenLabels(ticks, quantity) }
}

export const costAxis = (values: readonly number[], cost: Cost, batch: number, most: number): CostAxis => {
  const [low, high] = extentOf(values)
  const isLog = high / low > wideSpan
  const margin = (high - low || high) * 0.06
  const domain = isLog ? ([low / 1.15, high * 1.15] as const) : ([Math.max(0, low - margin), high + margin] as const)
  const ticks = isLog
    ? { ticks: [...logTicks(...domain, most)], tickFormat: logLabels[cost] }
    : evenTicks(...domain, most, quantityOf[cost])
  return {
    domain,
    label: costTitle(cost, batch).replace(/^the /, ''),
    options: { type: isLog ? 'log' : 'linear', domain: [...domain], ...ticks },
  }
}

/** A domain in per cent around shares between 0 and 1, never beyond 0 and 100. */
export const percentDomain = (shares: readonly number[]): readonly [number, number] => {
  const [low, high] = extentOf(shares.map((share) => 100 * share))
  const margin = Math.max((high - low) * 0.08, 0.05)
  return [Math.max(0, low - margin), Math.min(100, high + margin)]
}
