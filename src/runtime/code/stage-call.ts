/** The call of `stage('name', { run })` at a place. */
import type { CodePlace, StageCall } from './file-code.js'

const isBefore = (a: CodePlace, b: CodePlace): boolean => a.line < b.line || (a.line === b.line && a.column <= b.column)

const endOf = ({ endLine, endColumn }: StageCall): CodePlace => ({ line: endLine, column: endColumn })

/**
 * The innermost call around the place. Loaders that compile as they go may be off by some columns, or name the line
 * alone: then it is the last call that begins on that line before the place, or the first after.
 */
export const stageCallAt = (calls: readonly StageCall[], place: CodePlace): StageCall | undefined => {
  const around = calls.filter((call) => isBefore(call, place) && isBefore(place, endOf(call)))
  // A call within another begins later.
  const innermost = around.reduce<StageCall | undefined>(
    (found, call) => (found === undefined || isBefore(found, call) ? call : found),
    undefined,
  )
  if (innermost !== undefined && innermost.line === place.line) return innermost
  const onLine = calls.filter(({ line }) => line === place.line)
  return onLine.filter(({ column }) => column <= place.column).at(-1) ?? onLine[0] ?? innermost
}
