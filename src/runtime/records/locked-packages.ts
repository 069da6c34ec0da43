/** Versions that the lock file beside a definition names, of the packages that the definition's project and genepool ask for. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { createHash } from 'node:crypto'
import { FileIndex, identityOf } from '../file-identity.js'
import type { Store } from '../store/store.js'

export interface LockedPackages {
  /** Null where no folder at or above the definition's has one. */
  readonly lockFile: string | null
  readonly sha256: string | null
  /** By name; of npm's lock files only. */
  readonly versions: Readonly<Record<string, string>>
}

const lockFiles = ['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock']

const find = (folder: string): string | undefined => {
  for (let at = folder; ; at = path.dirname(at)) {
    const found = lockFiles.map((name) => path.join(at, name)).find((file) => fs.existsSync(file))
    if (found !== undefined || path.dirname(at) === at) return found
  }
}

interface LockEntry {
  readonly version?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const namesOf = (entry: LockEntry | undefined): readonly string[] =>
  Object.keys({
    ...entry?.dependencies,
    ...entry?.devDependencies,
    ...entry?.optionalDependencies,
    ...entry?.peerDependencies,
  })

/** Of what the project and genepool ask for themselves; a lock file of another form names none. */
export const versionsIn = (text: string): Readonly<Record<string, string>> => {
  try {
    const { packages = {} } = JSON.parse(text) as { packages?: Readonly<Record<string, LockEntry>> }
    const names = new Set([...namesOf(packages['']), ...namesOf(packages['node_modules/genepool'])])
    return Object.fromEntries(
      [...names].sort().flatMap((name) => {
        const version = packages[`node_modules/${name}`]?.version
        return version === undefined ? [] : [[name, version]]
      }),
    )
  } catch {
    return {}
  }
}

/** What is known of the nearest lock file; read again only where it has changed. */
export const lockedPackages = (folder: string, store: Store['Service']): LockedPackages => {
  const lockFile = find(folder)
  const identity = lockFile === undefined ? undefined : identityOf(lockFile)
  if (lockFile === undefined || identity === undefined) return { lockFile: null, sha256: null, versions: {} }
  const index = new FileIndex<Omit<LockedPackages, 'lockFile'>>(store.place('index', 'lock.json'), '1')
  let known = index.peek(lockFile)
  if (known === undefined) {
    const text = fs.readFileSync(lockFile, 'utf8')
    known = { sha256: createHash('sha256').update(text).digest('hex'), versions: versionsIn(text) }
    index.remember(lockFile, identity, known)
    index.save()
  }
  return { lockFile, ...known }
}
