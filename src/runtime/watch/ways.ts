/** Where paths lead, link by link. */
import * as fs from 'node:fs'
import * as path from 'node:path'

interface Place {
  /** The real path; of what is not there, as far as it can be followed. */
  readonly at: string
  /** When the latest link on the way was made, in milliseconds since 1970; 0 where there is none. */
  readonly linkedAtMs: number
}

const linkAt = (entry: string): { readonly target: string; readonly madeAtMs: number } | undefined => {
  try {
    const stat = fs.lstatSync(entry, { throwIfNoEntry: false })
    return stat?.isSymbolicLink() === true ? { target: fs.readlinkSync(entry), madeAtMs: stat.ctimeMs } : undefined
  } catch {
    // It cannot be looked at.
    return undefined
  }
}

/** The ways of many paths at one moment, and all that is on them: another thing under one of these names is a turn. */
export class Ways {
  /** By real folder, the names in it that were passed. */
  readonly names = new Map<string, Set<string>>()
  readonly #known = new Map<string, Place>()
  readonly #entries = new Map<string, Place>()

  /** Where an absolute path leads. */
  follow(file: string): Place {
    const known = this.#known.get(file)
    if (known !== undefined) return known
    const above = path.dirname(file)
    const place = above === file ? { at: file, linkedAtMs: 0 } : this.#enter(this.follow(above), path.basename(file))
    this.#known.set(file, place)
    return place
  }

  pass(folder: string, name: string): void {
    this.names.set(folder, (this.names.get(folder) ?? new Set()).add(name))
  }

  #enter({ at: folder, linkedAtMs: before }: Place, name: string): Place {
    const entry = path.join(folder, name)
    const known = this.#entries.get(entry) ?? this.#lookAt(entry, folder, name)
    return { at: known.at, linkedAtMs: Math.max(before, known.linkedAtMs) }
  }

  #lookAt(entry: string, folder: string, name: string): Place {
    this.pass(folder, name)
    // A link that leads back to itself ends there.
    let place: Place = { at: entry, linkedAtMs: 0 }
    this.#entries.set(entry, place)
    const link = linkAt(entry)
    if (link === undefined) return place
    const { target, madeAtMs } = link
    const { root } = path.parse(target)
    place = { at: path.isAbsolute(target) ? root : folder, linkedAtMs: madeAtMs }
    // One part after the other: what is above a link is not what is above its target.
    for (const part of target.slice(root.length).split(path.sep)) {
      if (part === '..') place = { ...place, at: path.dirname(place.at) }
      else if (part !== '' && part !== '.') place = this.#enter(place, part)
    }
    this.#entries.set(entry, place)
    return place
  }
}
