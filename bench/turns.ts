/** Timings of several contestants in turn, so that whatever else the machine does hits all of them alike. */
import { spawn } from 'node:child_process'
import * as readline from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Contestant {
  readonly name: string
  /** Runs this many steps; milliseconds a step. */
  readonly time: (steps: number) => Promise<number>
  readonly stop: () => void
}

export interface Timing {
  readonly name: string
  /** Milliseconds a step: median, best and worst of the rounds. */
  readonly ms: number
  readonly minMs: number
  readonly maxMs: number
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

/** Times a function that does one step. */
export const contestant = (name: string, step: () => Promise<void>): Contestant => ({
  name,
  time: async (steps) => {
    const start = performance.now()
    for (let at = 0; at < steps; at++) await step()
    return (performance.now() - start) / steps
  },
  stop: () => {},
})

/** The same work in PyTorch: `step-torch.py`, or another, waits between its turns for a number of steps. */
export const torchContestant = async (
  python: string,
  flags: readonly string[],
  name = 'step-torch.py',
): Promise<Contestant> => {
  const script = fileURLToPath(new URL(`../../bench/${name}`, import.meta.url))
  const child = spawn(python, [script, ...flags], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`${python} ${script} ended before it answered`)
    return value
  }
  return {
    name: await next(),
    time: async (steps) => {
      child.stdin.write(`${steps}\n`)
      return Number(await next())
    },
    stop: () => child.stdin.end(),
  }
}

/** A round to warm up, then `rounds` rounds in which each contestant has one turn. */
export const takeTurns = async (
  contestants: readonly Contestant[],
  rounds: number,
  steps: number,
): Promise<readonly Timing[]> => {
  const times = contestants.map((): number[] => [])
  for (let round = 0; round <= rounds; round++) {
    for (const [index, { time }] of contestants.entries()) {
      const ms = await time(steps)
      if (round > 0) times[index].push(ms)
    }
  }
  return contestants.map(({ name }, index) => {
    const ms = times[index]
    return { name, ms: median(ms), minMs: Math.min(...ms), maxMs: Math.max(...ms) }
  })
}

/** One figure, one line of JSON; numbers with four significant digits. */
export const report = (figure: Readonly<Record<string, unknown>>): void => {
  const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value)
  console.log(JSON.stringify(figure, rounded))
}
