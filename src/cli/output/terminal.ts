/**
 * The one way in which the command line writes. Text may hold anything, from archives, errors or whatever a stage has
 * said: characters that would move a terminal's cursor, colour it or turn the direction of writing are shown, as JSON
 * writes them, instead of obeyed. What JSON printed stays the same JSON.
 */

/** What this program itself tells a terminal: it is obeyed. */
export class Control {
  readonly #sequence: string

  constructor(sequence: string) {
    this.#sequence = sequence
  }

  toString(): string {
    return this.#sequence
  }
}

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** The text with its control characters shown, line breaks (also those of CSV) and tabs left as they are. */
export const visible = (text: string): string => text.replace(/(?!\r?\n|\t)[\p{Cc}\p{Bidi_Control}]/gu, escaped)

/** The same on one line, whatever the text. */
export const visibleLine = (text: string): string =>
  visible(text).replace(/\r?\n|\t/g, (found) => (found === '\t' ? '\\t' : '\\n'))

/** What is to be written, one after the other. */
export type Written = readonly (string | Control)[]

export const visibleText = (parts: Written): string =>
  parts.map((part) => (typeof part === 'string' ? visible(part) : String(part))).join('')

/** What is written to. */
export interface Output {
  readonly write: (...parts: Written) => unknown
  readonly columns?: number
  readonly isTTY?: boolean
}

const outputOn = (stream: NodeJS.WriteStream): Output => ({
  write: (...parts) => stream.write(visibleText(parts)),
  get columns() {
    return stream.columns
  },
  get isTTY() {
    return stream.isTTY
  },
})

export const stdout = outputOn(process.stdout)

export const stderr = outputOn(process.stderr)

/** Calls back once all that was printed has gone out, or cannot: that has been told by then. */
export const whenWritten = (then: () => void): void => {
  const { stdout: out, stderr: err } = process
  out.write('', () => err.write('', () => setImmediate(then)))
}
