/** Where compiled code was written: by the source map beside it, where there is one. */
import * as fs from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import * as path from 'node:path'

interface SourcePlace {
  readonly file: string
  readonly line: number
  readonly column: number
}

const maps = new Map<string, SourceMap | undefined>()

const mapOf = (file: string): SourceMap | undefined => {
  if (!maps.has(file)) {
    let map: SourceMap | undefined
    try {
      map = new SourceMap(JSON.parse(fs.readFileSync(`${file}.map`, 'utf8')) as SourceMapPayload)
    } catch {
      // Not compiled, or published without maps.
    }
    maps.set(file, map)
  }
  return maps.get(file)
}

/** The place in the source; the place itself where it is unknown. Lines and columns count from 1. */
export const placeInSource = ({ file, line, column }: SourcePlace): SourcePlace => {
  const entry = mapOf(file)?.findEntry(line - 1, column - 1)
  if (entry === undefined || !('originalSource' in entry) || !entry.originalSource) return { file, line, column }
  return {
    file: path.resolve(path.dirname(file), entry.originalSource),
    line: entry.originalLine + 1,
    column: entry.originalColumn + 1,
  }
}

/** An error's stack, each place in a compiled file given as the place in its source where a map tells it. */
export const stackInSource = (stack: string): string =>
  stack.replace(/(\/[^\s()]+\.c?js):(\d+):(\d+)/g, (_, at: string, atLine: string, atColumn: string) => {
    const { file, line, column } = placeInSource({ file: at, line: Number(atLine), column: Number(atColumn) })
    return `${file}:${line}:${column}`
  })
