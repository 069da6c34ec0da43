/** Records of which one field is not as it should be, whatever hashes lie around them. */

export interface Mutation<A> {
  /** As sentences name it: `identity.inputs`, `files["value.txt"].bytes`. */
  readonly field: string
  readonly how: 'removed' | 'null' | 'of another type'
  readonly record: A
}

type Path = readonly (string | number)[]

const fieldOf = (path: Path): string =>
  path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    if (!/^[A-Za-z_]\w*$/.test(key)) return `${text}[${JSON.stringify(key)}]`
    return text === '' ? key : `${text}.${key}`
  }, '')

const otherType = (value: unknown): unknown => (typeof value === 'string' || value === null ? { a: 1 } : 'another')

const changed = <A>(
  record: A,
  path: Path,
  change: (holder: Record<string | number, unknown>, key: string) => void,
): A => {
  const copy = structuredClone(record)
  const holder = path.slice(0, -1).reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], copy)
  change(holder as Record<string | number, unknown>, String(path.at(-1)))
  return copy
}

/** Every field, of lists the first entry. `free` holds data of any kind, which is not looked into. */
export const mutationsOf = <A extends object>(record: A, free: ReadonlySet<string> = new Set()): Mutation<A>[] => {
  const mutations: Mutation<A>[] = []
  const visit = (value: unknown, path: Path): void => {
    if (path.length > 0) {
      const field = fieldOf(path)
      mutations.push(
        { field, how: 'null', record: changed(record, path, (holder, key) => (holder[key] = null)) },
        {
          field,
          how: 'of another type',
          record: changed(record, path, (holder, key) => (holder[key] = otherType(value))),
        },
      )
      if (typeof path.at(-1) === 'string') {
        mutations.push({ field, how: 'removed', record: changed(record, path, (holder, key) => delete holder[key]) })
      }
    }
    if (typeof value !== 'object' || value === null || free.has(String(path.at(-1)))) return
    const entries: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
      ? value.slice(0, 1).map((each, at) => [at, each] as const)
      : Object.entries(value)
    for (const [key, each] of entries) visit(each, [...path, key])
  }
  visit(record, [])
  return mutations
}
