/** Flags that say what a run does about workers that crash, take too long or too much, or hang. */
import * as Flag from 'effect/cli/Flag'
import * as Option from 'effect/Option'
import { durationText } from '../dsl/amounts.js'
import { defaultPolicy, readPolicy, type FailurePolicy, type PolicyWords } from '../runtime/execute/failure-policy.js'

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
