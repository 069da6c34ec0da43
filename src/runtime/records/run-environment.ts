/** Where and how a run took place: all that a reader needs to tell its surroundings from another run's. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import type { Json } from '../../dsl/nodes.js'
import { canonical } from '../canonical.js'
import { version } from '../definition/own-package.js'
import { FileIndex, hashFile, identityOf } from '../file-identity.js'
import type { EngineIdentity } from '../fingerprint.js'
import { type MachineIdentity, machineOf } from '../machine.js'
import { leavesOf } from '../plan/reasons.js'
import type { ResolvedEngine } from '../services.js'
import type { Store } from '../store/store.js'
import type { GitState } from './git-state.js'

/**
 * Versions that the lock file beside a definition names, of the packages that the definition's project and genepool ask
 * for.
 */
interface LockedPackages {
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
const versionsIn = (text: string): Readonly<Record<string, string>> => {
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
const lockedPackages = (folder: string, store: Store['Service']): LockedPackages => {
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

export interface RunEnvironment {
  readonly genepool: string
  readonly node: string
  readonly packages: LockedPackages
  readonly engine: EngineIdentity
  readonly machine: MachineIdentity & {
    readonly host: string
    /** Bytes. */
    readonly memory: number
    readonly os: string
    readonly platform: string
  }
  /** The definition's file as it was; nulls where it came from code. */
  readonly definition: { readonly file: string | null; readonly sha256: string | null }
  readonly command: readonly string[]
  readonly who: string
  readonly directory: string
  readonly jobs: number
  readonly reuse: string
  readonly only: string | null
  /** Environment variables that change how stages or engines behave. */
  readonly variables: Readonly<Record<string, string>>
}

/**
 * An environment as a record holds it: the state of the repository arrives later, or never where the run was killed.
 */
export interface RecordedEnvironment extends RunEnvironment {
  readonly git: GitState
}

const telling = [
  /^(CUDA|NVIDIA|VK|MESA|ORT|OMP|MALLOC|GENEPOOL)_/,
  /^TF_(?!CLI_)/,
  /^(LD_PRELOAD|LD_LIBRARY_PATH|NODE_OPTIONS|UV_THREADPOOL_SIZE)$/,
]

const tellingVariables = (all: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(all)
      .filter(
        (entry): entry is [string, string] =>
          telling.some((pattern) => pattern.test(entry[0])) && entry[1] !== undefined,
      )
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )

/** What the system does not tell is left open: a record never stops a run. */
const told = <A>(ask: () => A, otherwise: A): A => {
  try {
    return ask()
  } catch {
    return otherwise
  }
}

export interface RunSettings {
  readonly engine: ResolvedEngine
  readonly deviceName: string | undefined
  readonly file?: string
  readonly baseDir: string
  readonly jobs: number
  readonly reuse: string
  readonly only?: string
}

export const environmentOf = (store: Store['Service'], settings: RunSettings): RunEnvironment => {
  const { file } = settings
  return {
    genepool: version,
    node: process.version,
    packages: told(() => lockedPackages(path.resolve(settings.baseDir), store), {
      lockFile: null,
      sha256: null,
      versions: {},
    }),
    engine: settings.engine.identity,
    machine: {
      ...machineOf(settings.deviceName),
      host: os.hostname(),
      memory: os.totalmem(),
      os: `${os.type()} ${os.release()}`,
      platform: `${process.platform}-${process.arch}`,
    },
    definition: {
      file: file ?? null,
      sha256: file === undefined ? null : told(() => hashFile(file), null),
    },
    command: process.argv.slice(1),
    who: told(() => os.userInfo().username, 'unknown'),
    directory: process.cwd(),
    jobs: settings.jobs,
    reuse: settings.reuse,
    only: settings.only ?? null,
    variables: tellingVariables(process.env),
  }
}

/** What differs between the surroundings of two runs, at one place. */
export interface EnvironmentDifference {
  /** `git.commit`, `machine.processor`, `packages.versions.effect`. */
  readonly what: string
  readonly a: Json
  readonly b: Json
}

/** In the order in which a record has them; what one of them lacks is null. */
export const environmentDifference = (
  a: RecordedEnvironment,
  b: RecordedEnvironment,
): readonly EnvironmentDifference[] => {
  const [before, now] = [leavesOf(a), leavesOf(b)]
  return [...new Set([...before.keys(), ...now.keys()])]
    .map((what) => ({ what, a: before.get(what) ?? null, b: now.get(what) ?? null }))
    .filter((each) => canonical(each.a) !== canonical(each.b))
}
