/** Flags and arguments that several commands have in common; what one command alone takes stands in its file. */
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import type * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { durationText } from '../../dsl/amounts.js'
import { UsageError } from '../../runtime/errors.js'
import {
  defaultPolicy,
  type FailurePolicy,
  type PolicyWords,
  readPolicy,
} from '../../runtime/execute/failure-policy.js'
import { defaultJobs } from '../../runtime/run/options.js'
import { defaultStore } from '../../runtime/store/find-store.js'

/** What a command's flags and arguments hold once they are read. */
export type FlagsOf<Config extends Command.Command.Config> = Command.Command.Config.Infer<Config>

/** True where it is given. */
export const switchFlag = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false))

/** Undefined where it is not given. */
export const textFlag = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withDescription(description), Flag.withDefault(undefined))

export const jsonFlag = (description: string) => switchFlag('json', description)

export const verboseFlag = switchFlag('verbose', 'Print stack traces with errors')

/** Of commands that compute stages. */
export const verboseRunFlag = switchFlag('verbose', 'Print stack traces with errors, and what stages print as it comes')

export const pipelineArgument = Argument.String('pipeline').pipe(
  Argument.withDescription(
    'File whose default export is a pipeline or a suite, e.g. pipelines/quickstart.ts; ' +
      'FILE#init=learned,seed=1 is one cell of a suite',
  ),
)

export const stageArgument = Argument.String('stage').pipe(
  Argument.withDescription('Name of a stage, e.g. teacher or distill/tiny'),
  Argument.withDefault(undefined),
)

export const storeFlag = Flag.String('store').pipe(
  Flag.withDescription(
    'Folder that holds artifacts, checkpoints and records; default: .genepool here, else the nearest above, ' +
      'up to the root of the repository or package',
  ),
  Flag.withDefault(Effect.sync(defaultStore)),
)

export const engineFlag = Flag.Literals('engine', ['auto', 'onnxruntime', 'tensorflow', 'cpu']).pipe(
  Flag.withDescription(
    'What computes; auto, the default, takes the fastest that loads (genepool doctor shows which and why)',
  ),
  Flag.withDefault('auto'),
)

export const deviceFlag = Flag.String('device').pipe(
  Flag.withDescription(
    'What it computes on: auto (the default), cpu, webgpu, cuda, or cuda:1 for the second NVIDIA GPU',
  ),
  Flag.withDefault('auto'),
)

const reuseFlag = Flag.Literals('reuse', ['same-engine', 'any-engine']).pipe(
  Flag.withDescription(
    'Which artifacts are good enough: those of the same engine, device class and versions (the default), ' +
      'or also those that differ in these alone',
  ),
  Flag.withDefault('same-engine'),
)

/** Which artifacts a command is about: where they are, and what they were or would be computed with. */
export const artifactFlags = { store: storeFlag, engine: engineFlag, device: deviceFlag, reuse: reuseFlag }

/** The same flags in the words of commands that never compute. */
export const storedFlags = {
  store: storeFlag,
  engine: engineFlag.pipe(Flag.withDescription('The engine whose artifacts are meant; default: auto')),
  device: deviceFlag.pipe(Flag.withDescription('The device whose artifacts are meant; default: auto')),
  reuse: reuseFlag.pipe(
    Flag.withDescription('Whether artifacts of other engines will do as well; default: same-engine'),
  ),
}

export const onlyFlag = textFlag(
  'only',
  'Only this stage and what it needs, e.g. teacher or distill/tiny; of a suite, all called so',
)

export const jobsFlag = Flag.Int('jobs').pipe(
  Flag.withAlias('j'),
  Flag.withDescription('CPU stages side by side; default: the number of cores'),
  Flag.withDefault(Effect.sync(defaultJobs)),
)

/** Fails with a UsageError where fewer than one is asked for. */
export const checkJobs = (jobs: number): Effect.Effect<void, UsageError> =>
  jobs < 1 ? Effect.fail(new UsageError({ message: `--jobs is ${jobs}; it must be 1 or more` })) : Effect.void

const spaceless = (ms: number): string => durationText(ms).replace(' ', '')

/** What a run does about workers that crash, take too long or too much, or hang. */
export const failureFlags = {
  retries: Flag.Int('retries').pipe(
    Flag.withMetavar('N'),
    Flag.withDescription(
      `How often a stage whose worker crashed is tried again, from its checkpoint; default: ${defaultPolicy.retries}`,
    ),
    Flag.withDefault(undefined),
  ),
  retryDelay: textFlag(
    'retry-delay',
    'Pause before the first retry, doubled for each further one up to a minute; ' +
      `default: ${spaceless(defaultPolicy.retryDelayMs)}`,
  ).pipe(Flag.withMetavar('TIME')),
  stageTimeout: textFlag(
    'stage-timeout',
    'How long a stage may compute, e.g. 2h; then it is interrupted and the next run goes on from its checkpoint; ' +
      'default: no limit',
  ).pipe(Flag.withMetavar('TIME')),
  memory: textFlag(
    'memory',
    'Resident memory that a worker and its processes may use, e.g. 8GiB; Linux only; default: no limit',
  ).pipe(Flag.withMetavar('SIZE')),
  silence: textFlag(
    'silence',
    'A worker that for so long says nothing and uses no processor time is hung, ended and retried; ' +
      `default: ${spaceless(defaultPolicy.silenceMs)}`,
  ).pipe(Flag.withMetavar('TIME')),
}

/** `--stage-timeout` of `stageTimeout`. */
const spellingOf = (word: string): string => `--${word.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** Fails with a UsageError for a value that is no time, size or number. */
export const policyOf = (flags: PolicyWords): Effect.Effect<FailurePolicy, UsageError> =>
  Effect.try({ try: () => readPolicy(flags, spellingOf), catch: (cause) => cause as UsageError })
