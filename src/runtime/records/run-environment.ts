/** Where and how a run took place: all that a reader needs to tell its surroundings from another run's. */
import * as os from 'node:os'
import * as path from 'node:path'
import { hashFile } from '../file-identity.js'
import type { EngineIdentity, MachineIdentity } from '../plan/fingerprint.js'
import type { GitState } from './git-state.js'
import { lockedPackages, type LockedPackages } from './locked-packages.js'
import { machineOf } from '../plan/machine.js'
import type { ResolvedEngine } from '../services.js'
import type { Store } from '../store/store.js'
import { version } from '../version.js'

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

/** An environment as a record holds it: the state of the repository arrives later, or never where the run was killed. */
export interface RecordedEnvironment extends RunEnvironment {
  readonly git: GitState
}

const telling =
  /^(CUDA_|NVIDIA_|VK_|MESA_|LD_PRELOAD$|LD_LIBRARY_PATH$|TF_(?!CLI_)|ORT_|OMP_|MALLOC_|GENEPOOL_|NODE_OPTIONS$|UV_THREADPOOL_SIZE$)/

export const tellingVariables = (all: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(all)
      .filter((entry): entry is [string, string] => telling.test(entry[0]) && entry[1] !== undefined)
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
