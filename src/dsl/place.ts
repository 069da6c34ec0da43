import type { Place } from './nodes.js'

/** Frames read of a stack: builders are shallow, but a user's own functions may lie between. */
const STACK_DEPTH = 50

/** The file of a frame as an absolute path; undefined for what is no file of the user's. */
const filePath = (location: string): string | undefined => {
  if (!location.startsWith('file://')) {
    return location.startsWith('/') || /^[A-Za-z]:[\\/]/.test(location) || location.startsWith('\\\\')
      ? location
      : undefined
  }
  const url = new URL(location)
  const path = decodeURIComponent(url.pathname)
  if (url.host !== '') return `\\\\${url.host}${path.replaceAll('/', '\\')}`
  return /^\/[A-Za-z]:/.test(path) ? path.slice(1).replaceAll('/', '\\') : path
}

/** `at new Step (file:///a.ts:3:7)`, `at async C:\a.ts:3:7` → the part that names file, line and column. */
const frameLocation = (line: string): string | undefined => {
  const frame = /^\s*at (.*)$/.exec(line)?.[1]
  if (frame === undefined) return undefined
  const bracket = frame.endsWith(')') ? frame.indexOf(' (') : -1
  return bracket < 0 ? frame.replace(/^async /, '') : frame.slice(bracket + 2, -1)
}

const comparable = (path: string): string => {
  const slashed = path.replaceAll('\\', '/')
  return /^([A-Za-z]:|\/\/)/.test(slashed) ? slashed.toLowerCase() : slashed
}

/** The frames of a stack that lie in files, innermost first. */
const frames = (stack: string): readonly Place[] =>
  stack.split('\n').flatMap((line) => {
    const [, location, row, column] = /^(.+):(\d+):(\d+)$/.exec(frameLocation(line) ?? '') ?? []
    const file = location === undefined ? undefined : filePath(location)
    return file === undefined ? [] : [{ file, line: Number(row), column: Number(column) }]
  })

/**
 * The folders of this package's code, as stacks write them. Under source maps a compiled file goes by its source's name; one
 * that was loaded before they were read goes by its own, so either may stand in one stack.
 */
const packageFolders = (thisFile: string): readonly string[] => {
  const own = thisFile.replace(/[^\\/]+[\\/][^\\/]+$/, '')
  const [, root, code, slash] = /^(.*[\\/])(src|dist)([\\/])$/.exec(own) ?? []
  return code === undefined ? [own] : ['src', 'dist'].map((name) => `${root}${name}${slash}`)
}

/** The first frame outside the package, whose file `src/dsl/place.ts` has the innermost frame. */
export const placeInStack = (stack: string): Place | undefined => {
  const [own, ...callers] = frames(stack)
  if (own === undefined) return undefined
  const folders = packageFolders(own.file).map(comparable)
  return callers.find(({ file }) => !folders.some((folder) => comparable(file).startsWith(folder)))
}

/** Where the user's code called into this package; undefined where no stack can be had. */
export const placeOfCall = (): Place | undefined => {
  const limit: unknown = Reflect.get(Error, 'stackTraceLimit')
  // Reflect.set does not throw where Error is frozen.
  Reflect.set(Error, 'stackTraceLimit', STACK_DEPTH)
  const stack: unknown = new Error('place').stack
  Reflect.set(Error, 'stackTraceLimit', limit)
  return typeof stack === 'string' ? placeInStack(stack) : undefined
}
