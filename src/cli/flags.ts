/** Flags and arguments that several commands have in common. */
import * as Argument from 'effect/cli/Argument'
import * as Flag from 'effect/cli/Flag'
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import { UsageError } from '../runtime/errors.js'
import { defaultJobs } from '../runtime/run-options.js'

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
