/** How commands print: lines, JSON, warnings, and how far work of minutes is. */
import { stripVTControlCharacters } from 'node:util'
import { bytes } from '../../results/format.js'
import { Control, stderr, stdout } from './terminal.js'

/** A line on stdout. */
export const say = (text: string): void => {
  stdout.write(`${text}\n`)
}

/**
 * Text of somebody else's as a terminal may have it: nothing in it moves the cursor, changes colours or rings. Of a
 * line that was written over by carriage returns, what was to be seen last.
 */
export const harmless = (text: string): string =>
  stripVTControlCharacters(text)
    .replace(/\r+(?=\n|$)/g, '')
    .replace(/[^\n]*\r/g, '')
    .replace(/[^\P{Cc}\n\t]/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`)

/** As one word of a command line, quoted where a shell would read it otherwise. */
export const shellWord = (text: string): string => (/^[\w./-]+$/.test(text) ? text : `'${text}'`)

/** A value as a line on stdout. */
export const printJson = (value: unknown): void => say(JSON.stringify(value))

/** On stderr, a line each. */
export const warn = (lines: readonly string[]): void => {
  for (const line of lines) stderr.write(`genepool: ${line}\n`)
}

export const stepPrinter =
  (json: boolean) =>
  (step: string): void =>
    json ? printJson({ type: 'step', step }) : say(step)

const intervalMs = 2_000

/** For `OnProgress`: a line now and then; work that is done sooner prints nothing. */
export const progressPrinter = (what: string, json: boolean): ((done: number, total: number) => void) => {
  let shownAt = Date.now()
  return (done, total) => {
    if (Date.now() - shownAt < intervalMs) return
    shownAt = Date.now()
    if (json) printJson({ type: 'progress', what, done, total })
    else say(`  ${what} ${bytes(done)} of ${bytes(total)}`)
  }
}

export const clearLine = new Control('\r\u001b[2K')

/** Rewrites the last line of the terminal, with `''` clears it; prints nothing where stderr is no terminal. */
export const showOnTerminal = (text: string): void => {
  if (stderr.isTTY === true) stderr.write(clearLine, text)
}
