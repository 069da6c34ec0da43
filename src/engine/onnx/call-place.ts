/** Finds the line of the user's code that an error under a trace goes back to. */
import { findSourceMap } from 'node:module'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Frames kept of a stack while a function is traced: TensorFlow.js's gradients nest deeply. */
export const tracedStackDepth = 200

interface Frame {
  /** As Node names the module: a path or a URL. */
  readonly module: string
  readonly line: number
  readonly column: number
}

const pathOf = (module: string): string => {
  const path = module.startsWith('file:') ? fileURLToPath(module.replace(/[?#].*$/, '')) : module
  return path.replaceAll('\\', '/')
}

/**
 * The frames as they were loaded, innermost first: under source maps a library's frames name files that are not there.
 * None where the stack has been read before, because it is a text from then on.
 */
const framesOf = (error: Error): readonly Frame[] => {
  const before: unknown = Reflect.get(Error, 'prepareStackTrace')
  // Reflect.set does not throw where Error is frozen.
  Reflect.set(Error, 'prepareStackTrace', (_error: Error, sites: unknown) => sites)
  try {
    const sites: unknown = error.stack
    if (!Array.isArray(sites)) return []
    return (sites as NodeJS.CallSite[]).flatMap((site) => {
      const module = site.getFileName()
      const [line, column] = [site.getLineNumber(), site.getColumnNumber()]
      return module === null || module === undefined || module.startsWith('node:') || line === null || column === null
        ? []
        : [{ module, line, column }]
    })
  } finally {
    Reflect.set(Error, 'prepareStackTrace', before)
  }
}

/** The file and line in the source, where a source map is known. */
const sourceOf = ({ module, line, column }: Frame): readonly [file: string, line: number] => {
  const entry = findSourceMap(module)?.findEntry(line - 1, column - 1)
  return entry !== undefined && 'originalSource' in entry && entry.originalSource
    ? [pathOf(entry.originalSource), entry.originalLine + 1]
    : [pathOf(module), line]
}

// genepool: opaque it is only compared with names in stack traces
const engineFolder = `${dirname(dirname(pathOf(import.meta.url)))}/`

/**
 * `file:line` of the innermost frame that is neither TensorFlow.js's nor the engines' own; the file relative to the
 * working directory where it lies below it. Undefined where the stack has none.
 */
export const callPlace = (error: Error): string | undefined => {
  const caller = framesOf(error).find(({ module }) => {
    const path = pathOf(module)
    return !path.includes('/node_modules/@tensorflow/') && !path.startsWith(engineFolder)
  })
  if (caller === undefined) return undefined
  const [file, line] = sourceOf(caller)
  const below = relative(process.cwd(), file).replaceAll('\\', '/')
  return `${below.startsWith('..') ? file : below}:${line}`
}
