/** What a run says of stages whose code leads where it cannot be followed. */
import * as path from 'node:path'
import type { PreparedStage } from './prepare.js'

/** One sentence for each place, with the stages that it makes uncacheable. */
export const uncacheableWarnings = (stages: readonly PreparedStage[]): readonly string[] => {
  const byPlace = new Map<string, string[]>()
  for (const { node, opaque } of stages) {
    for (const { file, line, what } of opaque) {
      const place = `${path.relative(process.cwd(), file)}:${line} leads to ${what}`
      byPlace.set(place, [...(byPlace.get(place) ?? []), node.name])
    }
  }
  return [...byPlace].map(
    ([place, names]) =>
      `${place}, which cannot be followed, so ${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} computed every time; where what is loaded there is covered elsewhere, say so above the line: // genepool: opaque REASON`,
  )
}
