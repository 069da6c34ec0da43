/**
 * What a command that goes wrong prints, and the exit code of the process: 0 done; 1 a stage failed; 2 the definition
 * or the call is wrong; 130 interrupted; 141 nobody reads its output any more (128 and the number of SIGPIPE).
 */
import * as Cause from 'effect/Cause'
import * as Data from 'effect/Data'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as CliError from 'effect/cli/CliError'
import * as CliOutput from 'effect/cli/CliOutput'
import { errorCode, sentenceOf } from '../../base/errors.js'
import { UsageError } from '../../runtime/errors.js'
import { warn } from './print.js'
import { stderr, whenWritten } from './terminal.js'

/** Stages failed; why has been printed already, as events. */
export class StagesFailed extends Data.TaggedError('StagesFailed')<{ readonly failed: number }> {}

const byCtrlC = 130

/** What an interruption ends with. */
let interruptedAs = byCtrlC
let tellReaderGone = (): void => {}

// From the first line on: a command that is done at once has printed before anything else is set up.
process.stdout.on('error', (cause) => {
  const isReaderGone = errorCode(cause) === 'EPIPE'
  if (!isReaderGone) warn([`cannot print: ${sentenceOf(cause)}`])
  interruptedAs = isReaderGone ? 141 : 1
  // Also of a command that is done: what it was asked for is not there.
  process.exitCode = interruptedAs
  tellReaderGone()
})

/** Calls it as soon as nothing more can be printed. */
export const whenReaderGone = (tell: () => void): void => {
  tellReaderGone = tell
  if (interruptedAs !== byCtrlC) tell()
}

const printError = (error: unknown, verbose: boolean): void => {
  const hint = error instanceof UsageError && error.hint !== undefined ? `\n  ${error.hint}` : ''
  warn([`${sentenceOf(error)}${hint}`])
  if (!verbose) return
  const cause = (error instanceof Error ? error.cause : undefined) ?? error
  stderr.write(`${cause instanceof Error ? (cause.stack ?? cause.message) : sentenceOf(cause)}\n`)
}

const lastWordsMs = 500

/** Prints an error that has not been printed yet, and gives the exit code. */
const codeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return Number(process.exitCode ?? 0)
  if (Cause.hasInterruptsOnly(exit.cause)) return interruptedAs
  const error = Cause.squash(exit.cause)
  // Wrong flags have been answered by `wrongCallLayer`.
  if (CliError.isCliError(error)) return error._tag === 'ShowHelp' && error.errors.length === 0 ? 0 : 2
  if (error instanceof StagesFailed) return 1
  printError(error, process.argv.includes('--verbose'))
  return error instanceof UsageError ? 2 : 1
}

/**
 * How the process ends: with the exit code, once all that was printed has gone out; not with whatever a definition or a
 * stage has left behind, such as a timer, a server or a program that holds a worker's output.
 */
export const teardown = (exit: Exit.Exit<unknown, unknown>): void => {
  const code = codeOf(exit)
  // What it was asked for may have found no space or no reader only now.
  const end = (): void => process.exit(code === 0 ? process.exitCode : code)
  // Who has interrupted it does not wait for a reader that reads no further.
  if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) setTimeout(end, lastWordsMs)
  whenWritten(end)
}

/** What a wrong call is answered with: a sentence on stderr, never the whole help, and nothing on stdout. */
export const wrongCallLayer = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === 'InvalidInvocation'
      ? Effect.sync(() => {
          const message = event.errors.map((error) => error.message.trim().replace(/\s*\n\s*/g, ' ')).join('; ')
          warn([`${message}\n  ${event.commandPath.join(' ')} --help lists what there is`])
        })
      : CliOutput.defaultPresenter.present(event),
})
