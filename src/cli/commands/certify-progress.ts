/** What is seen of a certification while it works: on standard error, so that the table stands alone. */
import type { Emit } from '../../runtime/events.js'
import { describeProgress } from '../text/describe.js'
import type { Output } from '../text/renderers.js'

/** Without a terminal, progress is a line every so often. */
const plainMs = 10_000

export interface CertifyProgress {
  readonly say: (text: string) => void
  readonly emit: Emit
}

export const certifyProgress = (output: Output, isTerminal: boolean): CertifyProgress => {
  let shownAt = Date.now()
  const clear = (): string => (isTerminal ? '\r\u001b[2K' : '')
  return {
    say: (text) => {
      shownAt = Date.now()
      output.write(`${clear()}${text}\n`)
    },
    emit: (event) => {
      if (event.type === 'warning' || event.type === 'stage-waiting') return
      if (event.type !== 'stage-progress') return
      const line = `  ${event.stage}  ${describeProgress(event)}`
      if (isTerminal) output.write(`${clear()}${line.slice(0, Math.max(20, (output.columns ?? 80) - 1))}`)
      else if (Date.now() - shownAt >= plainMs) {
        shownAt = Date.now()
        output.write(`${line}\n`)
      }
    },
  }
}
