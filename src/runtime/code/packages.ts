/** Where a package is installed, and in which versions it and all that it depends on are there. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { installedAs } from '../reads.js'
import type { FilesSeen } from './files-seen.js'

export interface InstalledPackage {
  readonly name: string
  /** Its folder, links followed. */
  readonly directory: string
}

interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly type?: string
  readonly exports?: unknown
  readonly imports?: unknown
  readonly main?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

interface LockEntry extends Manifest {
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
}

type Lock = Readonly<Record<string, LockEntry>>

const modules = 'node_modules'

/** Names of all that a package needs at run time, where it is there. */
const needs = (manifest: Manifest): readonly string[] => {
  const named = [manifest.dependencies, manifest.optionalDependencies, manifest.peerDependencies].flatMap((some) =>
    Object.keys(some ?? {}),
  )
  // Types are read by nobody who computes.
  return [...new Set(named)].filter((name) => !name.startsWith('@types/'))
}

/** Another commit under the same version is another package. */
const versionOf = (folder: string, entry: LockEntry): string => {
  const { resolved, integrity } = entry
  const version = installedAs(`/${folder}`, entry) ?? 'unknown'
  return resolved !== undefined && /^(git|file)/.test(resolved) ? `${version} (${integrity ?? resolved})` : version
}

/** What is installed, as one run sees it: nothing is read twice. */
export class Packages {
  readonly #manifests = new Map<string, Manifest | undefined>()
  readonly #locks = new Map<string, Lock | undefined>()
  readonly #found = new Map<string, InstalledPackage | undefined>()

  readonly #seenOf = new Map<string, readonly string[]>()

  /** The package.json in a folder, if there is one that can be read. */
  manifest(directory: string, seen: FilesSeen): Manifest | undefined {
    const file = path.join(directory, 'package.json')
    seen.note(file)
    if (!this.#manifests.has(file)) {
      let manifest: Manifest | undefined
      try {
        manifest = JSON.parse(fs.readFileSync(file, 'utf8')) as Manifest
      } catch {
        // None, or a broken one: as good as none.
      }
      this.#manifests.set(file, manifest)
    }
    return this.#manifests.get(file)
  }

  /** The nearest folder at or above that holds a package.json; undefined where there is none. */
  rootOf(directory: string, seen: FilesSeen): string | undefined {
    for (let at = directory; ; at = path.dirname(at)) {
      if (this.manifest(at, seen) !== undefined) return at
      if (path.dirname(at) === at) return undefined
    }
  }

  /** The package that an import from this folder means. */
  find(name: string, from: string, seen: FilesSeen): InstalledPackage | undefined {
    const key = `${from}\0${name}`
    if (this.#found.has(key)) {
      for (const file of this.#seenOf.get(key)!) seen.note(file)
      return this.#found.get(key)
    }
    const looked: string[] = []
    let found: InstalledPackage | undefined
    for (let at = from; found === undefined; at = path.dirname(at)) {
      // Node looks for no node_modules within node_modules.
      if (path.basename(at) !== modules) {
        const folder = path.join(at, modules)
        const directory = path.join(folder, name)
        if (!fs.existsSync(folder)) looked.push(folder)
        else {
          looked.push(path.join(directory, 'package.json'))
          if (fs.existsSync(directory)) found = { name, directory: fs.realpathSync(directory) }
        }
      }
      if (path.dirname(at) === at) break
    }
    this.#found.set(key, found)
    this.#seenOf.set(key, looked)
    for (const file of looked) seen.note(file)
    return found
  }

  /** npm's own record of what is installed around a package, and the package's place in it. */
  #lockOf(directory: string, seen: FilesSeen): { readonly lock: Lock; readonly at: string } | undefined {
    const parts = directory.split(path.sep)
    // The outermost node_modules is the one that npm fills.
    const first = parts.indexOf(modules)
    if (first < 0) return undefined
    const root = parts.slice(0, first).join(path.sep)
    const file = path.join(root, modules, '.package-lock.json')
    seen.note(file)
    if (!this.#locks.has(file)) {
      let lock: Lock | undefined
      try {
        lock = (JSON.parse(fs.readFileSync(file, 'utf8')) as { packages?: Lock }).packages
      } catch {
        // Another package manager's, or none: then the packages themselves say what they need.
      }
      this.#locks.set(file, lock)
    }
    const lock = this.#locks.get(file)
    const at = parts.slice(first).join('/')
    const entry = lock?.[at]
    // A package that was changed by hand is not what the record says.
    const version = this.manifest(directory, seen)?.version
    return lock === undefined || entry === undefined || entry.version !== version ? undefined : { lock, at }
  }

  /** Name (with the packages that it is nested in) → version, of packages and all that they need in turn. */
  versions(packages: readonly InstalledPackage[], seen: FilesSeen): Readonly<Record<string, string>> {
    const versions = new Map<string, Set<string>>()
    const add = (name: string, version: string): void => {
      versions.set(name, (versions.get(name) ?? new Set()).add(version))
    }
    const byFolder = new Set<string>()
    const byLock = new Map<Lock, Set<string>>()
    for (const { name, directory } of packages) {
      const locked = this.#lockOf(directory, seen)
      if (locked === undefined) this.#addByFolder(name, directory, add, byFolder, seen)
      else {
        const done = byLock.get(locked.lock) ?? new Set()
        byLock.set(locked.lock, done)
        addByLock(locked.lock, locked.at, add, done)
      }
    }
    return Object.fromEntries([...versions].map(([name, found]) => [name, [...found].sort().join(' and ')]))
  }

  #addByFolder(
    name: string,
    directory: string,
    add: (name: string, version: string) => void,
    done: Set<string>,
    seen: FilesSeen,
  ): void {
    if (done.has(directory)) return
    done.add(directory)
    const manifest = this.manifest(directory, seen)
    add(name, installedAs(directory, manifest ?? {}) ?? 'unknown')
    for (const needed of manifest === undefined ? [] : needs(manifest)) {
      const found = this.find(needed, directory, seen)
      if (found !== undefined) this.#addByFolder(needed, found.directory, add, done, seen)
    }
  }
}

const addByLock = (
  lock: Lock,
  start: string,
  add: (name: string, version: string) => void,
  done: Set<string>,
): void => {
  const pending = [start]
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    if (done.has(at)) continue
    done.add(at)
    const entry = lock[at]!
    add(at.slice(modules.length + 1), versionOf(at, entry))
    for (const needed of needs(entry)) {
      const found = lockedPlace(lock, at, needed)
      if (found !== undefined) pending.push(found)
    }
  }
}

/** Where a package that stands at `from` finds another: in its own node_modules, else in one around it. */
const lockedPlace = (lock: Lock, from: string, name: string): string | undefined => {
  for (let at = from; ;) {
    const place = `${at}${at === '' ? '' : '/'}${modules}/${name}`
    if (lock[place] !== undefined) return place
    if (at === '') return undefined
    const above = at.lastIndexOf(`/${modules}/`)
    at = above < 0 ? '' : at.slice(0, above)
  }
}
