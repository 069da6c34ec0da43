/** Flags and arguments that several commands have in common. */
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import * as Argument from 'effect/cli/Argument'
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

/** Flags that say what a run does about workers that crash, take too long or too much, or hang. */

const text = (name: string, metavar: string, what: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(what), Flag.optional)

export const failureFlags = {
  retries: Flag.Int('retries').pipe(
    Flag.withMetavar('N'),
    Flag.withDescription(
      `How often a stage whose worker crashed is tried again, from its checkpoint; default: ${defaultPolicy.retries}`,
    ),
    Flag.optional,
  ),
  retryDelay: text(
    'retry-delay',
    'TIME',
    `Pause before the first retry, doubled for each further one up to a minute; default: ${durationText(defaultPolicy.retryDelayMs).replace(' ', '')}`,
  ),
  stageTimeout: text(
    'stage-timeout',
    'TIME',
    'How long a stage may compute, e.g. 2h; then it is interrupted and the next run goes on from its checkpoint; default: no limit',
  ),
  memory: text(
    'memory',
    'SIZE',
    'Resident memory that a worker and its processes may use, e.g. 8GiB; Linux only; default: no limit',
  ),
  silence: text(
    'silence',
    'TIME',
    `A worker that for so long says nothing and uses no processor time is hung, ended and retried; default: ${durationText(defaultPolicy.silenceMs).replace(' ', '')}`,
  ),
}

const spelling: Readonly<Record<keyof PolicyWords, string>> = {
  retries: '--retries',
  retryDelay: '--retry-delay',
  stageTimeout: '--stage-timeout',
  memory: '--memory',
  silence: '--silence',
}

/** The flags as they were given. */
export type FailureFlags = {
  readonly [Word in keyof PolicyWords]-?: Option.Option<NonNullable<PolicyWords[Word]>>
}

const wordsOf = (flags: FailureFlags): PolicyWords => {
  const words = Object.keys(spelling) as readonly (keyof PolicyWords)[]
  return Object.fromEntries(
    words.flatMap((word) => {
      const value = Option.getOrUndefined<string | number>(flags[word])
      return value === undefined ? [] : [[word, value]]
    }),
  )
}

/** Throws a UsageError for a value that is no time, size or number. */
export const policyOf = (flags: FailureFlags): FailurePolicy => readPolicy(wordsOf(flags), (word) => spelling[word])

export const pipeline = Argument.String('pipeline').pipe(
  Argument.withDescription(
    'File whose default export is a pipeline or a suite, e.g. pipelines/quickstart.ts; FILE#init=learned,seed=1 is one cell of a suite',
  ),
)

export const store = Flag.String('store').pipe(
  Flag.withDescription('Folder that holds artifacts, checkpoints and records; default: .genepool'),
  Flag.withDefault('.genepool'),
)

export const engine = Flag.Literals('engine', ['auto', 'onnxruntime', 'tensorflow', 'cpu']).pipe(
  Flag.withDescription(
    'What computes; auto, the default, takes the fastest that loads (genepool doctor shows which and why)',
  ),
  Flag.withDefault('auto'),
)

export const device = Flag.String('device').pipe(
  Flag.withDescription(
    'What it computes on: auto (the default), cpu, webgpu, cuda, or cuda:1 for the second NVIDIA GPU',
  ),
  Flag.withDefault('auto'),
)

export const reuse = Flag.Literals('reuse', ['same-engine', 'any-engine']).pipe(
  Flag.withDescription(
    'Which artifacts are good enough: those of the same engine, device class and versions (the default), or also those that differ in these alone',
  ),
  Flag.withDefault('same-engine'),
)

export const json = (what: string) => Flag.Boolean('json').pipe(Flag.withDescription(what), Flag.withDefault(false))

export const verbose = Flag.Boolean('verbose').pipe(
  Flag.withDescription('Print stack traces with errors'),
  Flag.withDefault(false),
)

export const only = Flag.String('only').pipe(
  Flag.withDescription('Only this stage and what it needs, e.g. teacher or distill/tiny; of a suite, all called so'),
  Flag.optional,
)

export const jobs = Flag.Int('jobs').pipe(
  Flag.withAlias('j'),
  Flag.withDescription('CPU stages side by side; default: the number of cores'),
  Flag.optional,
)

/** Fails with a UsageError where fewer than one is asked for. */
export const jobsOf = Effect.fnUntraced(function* (flag: Option.Option<number>): Effect.fn.Return<number, UsageError> {
  const wanted = Option.getOrElse(flag, defaultJobs)
  return wanted < 1 ? yield* new UsageError({ message: `--jobs is ${wanted}; it must be 1 or more` }) : wanted
})

export const stage = Argument.String('stage').pipe(
  Argument.withDescription('Name of a stage, e.g. teacher or distill/tiny'),
  Argument.optional,
)

export const measured = { pipeline, store, engine, device, reuse, verbose }
