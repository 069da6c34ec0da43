/** Lines about what has happened, and below or between them how far each running stage is. */

/** What is written to; process.stdout is one. */
export interface Output {
  readonly write: (text: string) => unknown
  readonly columns?: number
}

export interface StageLines {
  /** Something that has happened; for good. */
  readonly print: (text: string) => void
  /** `key` tells running stages apart, `label` is what a reader sees. */
  readonly start: (key: string, label: string) => void
  readonly progress: (key: string, label: string, text: string) => void
  readonly end: (key: string) => void
  /** What stands below all running stages on a terminal, while there are any. */
  readonly foot: (text: string | undefined) => void
}

/** Without a terminal progress is a line every so often, so that a log stays readable and a watcher sees life. */
const plainProgressMs = 10_000

export const plainLines = (output: Output): StageLines => {
  const shownAt = new Map<string, number>()
  return {
    print: (text) => void output.write(`${text}\n`),
    start: (key) => void shownAt.set(key, Date.now()),
    progress: (key, label, text) => {
      if (Date.now() - (shownAt.get(key) ?? 0) < plainProgressMs) return
      shownAt.set(key, Date.now())
      output.write(`  ${label}  ${text}\n`)
    },
    end: (key) => void shownAt.delete(key),
    foot: () => {},
  }
}

/** A terminal may not know how wide it is. */
export const widthOf = ({ columns = 0 }: Output): number => Math.max(20, (columns === 0 ? 80 : columns) - 1)

const clearBelow = '\u001b[0J'

const linesUp = (lines: number): string => (lines === 0 ? '' : `\u001b[${lines}F`)

/** For a terminal: what has happened scrolls up, below it stands one line a running stage and the foot, rewritten in place. */
export const liveLines = (output: Output): StageLines => {
  const running = new Map<string, string>()
  let foot: string | undefined
  let drawn = 0
  const draw = (printed?: string): void => {
    const width = widthOf(output)
    const below = running.size > 0 && foot !== undefined ? [foot] : []
    const lines = [...running.values(), ...below].map((text) => `  ${text}`.slice(0, width))
    const above = printed === undefined ? '' : `${printed}\n`
    output.write(
      `${linesUp(drawn)}${drawn > 0 || printed !== undefined ? clearBelow : ''}${above}${lines.map((line) => `${line}\n`).join('')}`,
    )
    drawn = lines.length
  }
  return {
    print: (text) => draw(text),
    start: (key, label) => void running.set(key, `${label}  starting`),
    progress: (key, label, text) => {
      running.set(key, `${label}  ${text}`)
      draw()
    },
    end: (key) => void running.delete(key),
    foot: (text) => void (foot = text),
  }
}
