/** How far work of minutes is, a line now and then. */
import { bytes } from '../../results/format.js'

/** Work outside Effect that takes minutes: how it is interrupted, and how its steps are printed. */

export const printJson = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

export const stepPrinter =
  (json: boolean) =>
  (step: string): void => {
    if (json) printJson({ type: 'step', step })
    else process.stdout.write(`${step}\n`)
  }

/** On stderr, a line each. */
export const warn = (lines: readonly string[]): void => {
  for (const line of lines) process.stderr.write(`genepool: ${line}\n`)
}

const intervalMs = 2_000

/** For `OnProgress`; work that is done sooner prints nothing. */
export const progressPrinter = (what: string, json: boolean): ((done: number, total: number) => void) => {
  let shownAt = Date.now()
  return (done, total) => {
    if (Date.now() - shownAt < intervalMs) return
    shownAt = Date.now()
    if (json) printJson({ type: 'progress', what, done, total })
    else process.stdout.write(`  ${what} ${bytes(done)} of ${bytes(total)}\n`)
  }
}
