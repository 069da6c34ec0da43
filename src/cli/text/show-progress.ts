/** How far work of minutes is, a line now and then. */
import { bytes } from '../../results/format.js'
import { printJson } from '../long-work.js'

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
