/**
 * The command line's words about what has been: recorded runs, artifacts and how they came about. What no run needs is
 * loaded when it is asked for.
 */
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { device, engine, jobs, jobsOf, json, only, pipeline, reuse, store, verbose } from '../input/flags.js'

export const certifyWords = Command.make('certify', {
  pipeline: pipeline.pipe(Argument.optional),
  sample: Flag.Int('sample').pipe(
    Flag.withDescription('Compute only so many stages again, drawn from the whole order; default: all'),
    Flag.optional,
  ),
  seed: Flag.Int('seed').pipe(
    Flag.withDescription('Draws the sample; default: a new one each time, kept in the certificate'),
    Flag.optional,
  ),
  tolerance: Flag.String('tolerance').pipe(
    Flag.withDescription(
      'How far figures may be off where an engine is not exact: top1=0.002,finalLoss=1%,*=2%; default: 0.005 of shares, 1% of others, 0 of counts',
    ),
    Flag.optional,
  ),
  out: Flag.String('out').pipe(
    Flag.withDescription("The certificate's file; default: a new one in the store's certificates/"),
    Flag.optional,
  ),
  check: Flag.String('check').pipe(
    Flag.withDescription('Instead: whether this certificate is as it was written, and the store holds what it names'),
    Flag.optional,
  ),
  store,
  engine,
  device,
  reuse,
  jobs,
  only,
  json: json('Print one stage a line as JSON, and the certificate as the last'),
  verbose,
}).pipe(
  Command.withHandler(
    Effect.fnUntraced(function* ({ jobs: wanted, ...flags }) {
      const { certifyCommand } = yield* Effect.promise(() => import('./certify-command.js'))
      const jobsWanted = yield* jobsOf(wanted)
      const { pipeline: file, sample, seed, tolerance, out, check, only: stages } = flags
      return yield* certifyCommand({
        ...flags,
        jobs: jobsWanted,
        pipeline: Option.getOrUndefined(file),
        sample: Option.getOrUndefined(sample),
        seed: Option.getOrUndefined(seed),
        tolerance: Option.getOrUndefined(tolerance),
        out: Option.getOrUndefined(out),
        check: Option.getOrUndefined(check),
        only: Option.getOrUndefined(stages),
      })
    }),
  ),
  Command.withDescription('Compute stored stages again from clean, compare every byte, and write a certificate'),
  Command.withExamples([
    { command: 'genepool certify pipelines/quickstart.ts --sample 2', description: 'Two stages, drawn at random' },
    { command: 'genepool certify --check certificate.json', description: 'Does it still hold?' },
  ]),
)
