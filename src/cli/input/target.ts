/** What a command is about: `FILE`, or `FILE#CELL` for one cell of the suite in it, which then is a pipeline alone. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { loadDefinition } from '../../runtime/definition/load.js'
import { selectCell } from '../../runtime/definition/select-cell.js'
import { cellGraph, stageGraph, type StageGraph } from '../../runtime/definition/stage-graph.js'
import { UsageError } from '../../runtime/errors.js'

interface TargetWords {
  readonly file: string
  readonly cell: string | undefined
}

export const isFile = (file: string): boolean => fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false

/** The file and the cell in the words of a target. A file's name may have a # in it, a cell's has none. */
export const parseTarget = (target: string): TargetWords => {
  const at = target.lastIndexOf('#')
  if (at < 0 || isFile(target)) return { file: target, cell: undefined }
  return { file: target.slice(0, at), cell: target.slice(at + 1) }
}

interface Target {
  /** Absolute. */
  readonly file: string
  /** Where relative paths of the definition start. */
  readonly baseDir: string
  readonly graph: StageGraph
}

/** Loads what the words name. Fails with a UsageError where there is no such thing. */
export const loadTarget = Effect.fnUntraced(function* (target: string): Effect.fn.Return<Target, UsageError> {
  const words = parseTarget(target)
  const definition = yield* loadDefinition(words.file)
  const file = path.resolve(words.file)
  const found = { file, baseDir: path.dirname(file) }
  const graph = yield* stageGraph(definition)
  if (words.cell === undefined) return { ...found, graph }
  if (graph.kind === 'pipeline') {
    return yield* new UsageError({
      message: `${words.file} is a pipeline, which has no cell '${words.cell}'`,
      hint: `write ${words.file} alone`,
    })
  }
  return { ...found, graph: cellGraph(graph, yield* selectCell(graph, words.cell)) }
})
