/** Files whose code runs compiled: a line and a column in a stack are places in what was compiled, not in the file. */
import type { Place } from './nodes.js'

type Mapping = (line: number, column: number) => Place

/** Of this process, shared by all copies of this package in it: the program maps, the user's copy asks. */
const mappings = (): Map<string, Mapping> => {
  const key = Symbol.for('genepool/mapped-places')
  const shared = globalThis as unknown as Record<symbol, Map<string, Mapping> | undefined>
  return (shared[key] ??= new Map())
}

/** From now on places in `file`, a name that stacks have for what was compiled, are mapped. */
export const mapPlaces = (file: string, mapping: Mapping): void => void mappings().set(file, mapping)

export const hasMapped = (): boolean => mappings().size > 0

export const isMapped = (file: string): boolean => mappings().has(file)

/** The place in the source that the user wrote. */
export const sourcePlace = (place: Place): Place => mappings().get(place.file)?.(place.line, place.column) ?? place
