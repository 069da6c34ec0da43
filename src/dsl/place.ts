/** Places in the user's files, found in stacks. */

/** Where in the user's file something was defined; 1-based. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** From a place in compiled code to the one in its source. */
type Mapping = (line: number, column: number) => Place

/**
 * By the file's name in stacks. Shared by all copies of this package in the process: the copy that runs the program
 * knows the mappings, the user's copy looks for places.
 */
const mappings = (): Map<string, Mapping> => {
  const key = Symbol.for('genepool/mapped-places')
  const shared = globalThis as unknown as Record<symbol, Map<string, Mapping> | undefined>
  return (shared[key] ??= new Map())
}

/** Has places in `file`, as stacks call a compiled definition, mapped to its source from now on. */
export const mapPlaces = (file: string, mapping: Mapping): void => void mappings().set(file, mapping)

/** The source's place of one in a compiled definition. */
export const mappedPlace = (file: string, line: number, column: number): Place | undefined =>
  mappings().get(file)?.(line, column)

/** Frames read of a stack: builders are shallow, but a user's own functions may lie between. */
const STACK_DEPTH = 50

/** How many of them are read first. */
const NEAR = 6

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

/** The place of a stack's line, where it is a frame that lies in a file. */
const frameOf = (line: string): Place | undefined => {
  const [, location, row, column] = /^(.+):(\d+):(\d+)$/.exec(frameLocation(line) ?? '') ?? []
  const file = location === undefined ? undefined : filePath(location)
  return file === undefined ? undefined : { file, line: Number(row), column: Number(column) }
}

/**
 * The folders of this package's code, as stacks write them. Under source maps a compiled file goes by its source's
 * name; one that was loaded before they were read goes by its own, so either may stand in one stack.
 */
const packageFolders = (thisFile: string): readonly string[] => {
  const own = thisFile.replace(/[^\\/]+[\\/][^\\/]+$/, '')
  const [, root, code, slash] = /^(.*[\\/])(src|dist)([\\/])$/.exec(own) ?? []
  return code === undefined ? [own] : ['src', 'dist'].map((name) => `${root}${name}${slash}`)
}

/** The folders of the file last asked for: it is this one in nearly every stack. */
let known: { readonly file: string; readonly folders: readonly string[] } = { file: '', folders: [] }

const foldersOf = (file: string): readonly string[] => {
  if (known.file !== file) known = { file, folders: packageFolders(file).map(comparable) }
  return known.folders
}

/** The first frame outside the package, whose file `src/dsl/place.ts` has the innermost frame. */
export const placeInStack = (stack: string): Place | undefined => {
  let own: Place | undefined
  for (const line of stack.split('\n')) {
    const frame = frameOf(line)
    if (frame === undefined) continue
    own ??= frame
    const file = comparable(frame.file)
    if (frame !== own && !foldersOf(own.file).some((folder) => file.startsWith(folder))) return frame
  }
  return undefined
}

/** The place of a stack's line, where it is a frame in the user's own files: in no package, nor in this program. */
export const usersFrame = (line: string): Place | undefined => {
  const frame = frameOf(line)
  if (frame === undefined) return undefined
  const file = comparable(frame.file)
  const own = foldersOf(filePath(import.meta.url) ?? '')
  return file.includes('/node_modules/') || own.some((folder) => file.startsWith(folder)) ? undefined : frame
}

/** Where the user's code threw: the first frame that lies in no package. One that was awaited is its caller's. */
export const placeOfThrow = (stack: string): Place | undefined => {
  for (const line of stack.split('\n')) {
    const frame = / at async /.test(line) ? undefined : usersFrame(line)
    if (frame !== undefined) return frame
  }
  return undefined
}

/** Sets properties of Error for as long as `read` takes. Reflect.set does not throw where Error is frozen. */
const withError = (values: Readonly<Record<string, unknown>>, read: () => unknown): unknown => {
  const before = Object.keys(values).map((key): [string, unknown] => [key, Reflect.get(Error, key)])
  for (const [key, value] of Object.entries(values)) Reflect.set(Error, key, value)
  const result = read()
  for (const [key, value] of before) Reflect.set(Error, key, value)
  return result
}

const stackOf = (depth: number): unknown => withError({ stackTraceLimit: depth }, () => new Error('place').stack)

/** A frame as the engine has it, before anybody makes text of it. */
interface CallSite {
  readonly getFileName: () => string | null | undefined
  readonly getLineNumber: () => number | null
  readonly getColumnNumber: () => number | null
}

/** In a compiled definition all of the user's code is mapped: the first such frame is the call. */
const mappedCall = (depth: number): Place | undefined => {
  const prepareStackTrace = (_error: Error, sites: readonly CallSite[]): readonly CallSite[] => sites
  const sites = withError({ stackTraceLimit: depth, prepareStackTrace }, () => new Error('place').stack)
  if (!Array.isArray(sites)) return undefined
  for (const site of sites as readonly CallSite[]) {
    const file = site.getFileName()
    const mapping = typeof file === 'string' ? mappings().get(file) : undefined
    if (mapping !== undefined) return mapping(site.getLineNumber() ?? 1, site.getColumnNumber() ?? 1)
  }
  return undefined
}

/** Where the user's code called into this package; undefined where no stack can be had. */
export const placeOfCall = (): Place | undefined => {
  // Nearly always a few frames away: a definition of ten thousand stages asks ten thousand times.
  for (const depth of [NEAR, STACK_DEPTH]) {
    const mapped = mappings().size > 0 ? mappedCall(depth) : undefined
    if (mapped !== undefined) return mapped
    const stack = stackOf(depth)
    const place = typeof stack === 'string' ? placeInStack(stack) : undefined
    if (place !== undefined) return place
  }
  return undefined
}
