/**
 * `genepool certify`: computes stages again from clean, compares, and writes down what came of it; or checks what was
 * written.
 */
import { randomInt } from 'node:crypto'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { writeFileAtomic } from '../../base/files.js'
import { plural } from '../../results/format.js'
import { type Certificate, type CheckedKey, checkKey, readCertificate } from '../../runtime/certify/certificate.js'
import { parseTolerances, type Tolerances } from '../../runtime/certify/tolerance.js'
import type { Verdict } from '../../runtime/certify/verdict.js'
import { storeErrorOf, UsageError } from '../../runtime/errors.js'
import type { Emit } from '../../runtime/events.js'
import type { Store } from '../../runtime/store/store.js'
import {
  artifactFlags,
  checkJobs,
  type FlagsOf,
  jobsFlag,
  jsonFlag,
  onlyFlag,
  pipelineArgument,
  textFlag,
  verboseFlag,
} from '../input/flags.js'
import { inspect, inStore } from '../input/inspect.js'
import { renderCertificate, saidVerdicts } from '../output/certificate.js'
import { describeProgress } from '../output/describe.js'
import { StagesFailed } from '../output/exit-codes.js'
import { clearLine, printJson, say } from '../output/print.js'
import { widthOf } from '../output/renderers.js'
import { renderTable } from '../output/table.js'
import { type Output, stderr, visibleLine } from '../output/terminal.js'

const certifyFlags = {
  pipeline: pipelineArgument.pipe(Argument.withDefault(undefined)),
  sample: Flag.Int('sample').pipe(
    Flag.withDescription('Compute only so many stages again, drawn from the whole order; default: all'),
    Flag.withDefault(undefined),
  ),
  seed: Flag.Int('seed').pipe(
    Flag.withDescription('Draws the sample; default: a new one each time, kept in the certificate'),
    Flag.withDefault(undefined),
  ),
  tolerance: textFlag(
    'tolerance',
    'How far figures may be off where an engine is not exact: top1=0.002,finalLoss=1%,*=2%; ' +
      'default: 0.005 of shares, 1% of others, 0 of counts',
  ),
  out: textFlag('out', "The certificate's file; default: a new one in the store's certificates/"),
  check: textFlag('check', 'Instead: whether this certificate is as it was written, and the store holds what it names'),
  ...artifactFlags,
  jobs: jobsFlag,
  only: onlyFlag,
  json: jsonFlag('Print one stage a line as JSON, and the certificate as the last'),
  verbose: verboseFlag,
}
type CertifyFlags = FlagsOf<typeof certifyFlags>

/** Without a terminal, progress is a line every so often. */
const plainMs = 10_000

/** What is seen of a certification while it works: on stderr, so that the table stands alone. */
const progressOn = (output: Output): { readonly say: (text: string) => void; readonly emit: Emit } => {
  const isTerminal = output.isTTY === true
  let shownAt = Date.now()
  const clear = isTerminal ? [clearLine] : []
  return {
    say: (text) => {
      shownAt = Date.now()
      output.write(...clear, `${text}\n`)
    },
    emit: (event) => {
      if (event.type !== 'stage-progress') return
      const line = `  ${event.stage}  ${describeProgress(event)}`
      if (isTerminal) output.write(...clear, visibleLine(line).slice(0, widthOf(output)))
      else if (Date.now() - shownAt >= plainMs) {
        shownAt = Date.now()
        output.write(`${line}\n`)
      }
    },
  }
}

const tolerancesOf = (written: string | undefined): Effect.Effect<Tolerances, UsageError> => {
  const tolerances = written === undefined ? {} : parseTolerances(written)
  return tolerances === undefined
    ? Effect.fail(
        new UsageError({
          message: `--tolerance is '${written}'`,
          hint: 'write figures and how far they may be off: top1=0.002,finalLoss=1%; *=2% is for all others',
        }),
      )
    : Effect.succeed(tolerances)
}

/** `.genepool/certificates/20260102-030405-quickstart.json`, where no other file was asked for. */
const placeOf = (store: Store['Service'], certificate: Certificate): string => {
  const at = certificate.at.replace(/[-:]/g, '').replace(/\..*/, '').replace('T', '-')
  return store.place('certificates', `${at}-${certificate.pipeline.replace(/[^\w.-]+/g, '_').slice(0, 60)}.json`)
}

const certifyPipeline = Effect.fnUntraced(function* (flags: CertifyFlags, pipeline: string) {
  const { sample, engine, device, reuse, jobs, json } = flags
  if (sample !== undefined && sample < 1) {
    return yield* new UsageError({ message: `--sample is ${sample}; it must be 1 or more` })
  }
  const tolerances = yield* tolerancesOf(flags.tolerance)
  const { certify } = yield* Effect.promise(() => import('../../runtime/certify/certify.js'))
  const inspected = yield* inspect({ ...flags, pipeline })
  const progress = progressOn(stderr)
  const certificate = yield* certify({
    ...inspected,
    asked: { engine, device },
    reuse,
    jobs,
    sample,
    seed: flags.seed ?? randomInt(2 ** 31),
    tolerances,
    emit: progress.emit,
    onStart: (stage, index, of) => progress.say(`${index + 1} of ${of}  ${stage}: computed again`),
    onStage: (stage, index, of) => {
      progress.say(`${index + 1} of ${of}  ${stage.stage}: ${saidVerdicts[stage.verdict]}`)
      if (json) printJson({ type: 'stage', ...stage })
    },
  })
  const out = flags.out === undefined ? placeOf(inspected.store, certificate) : path.resolve(flags.out)
  yield* Effect.try({
    try: () => writeFileAtomic(out, `${JSON.stringify(certificate, null, 2)}\n`),
    catch: storeErrorOf(`cannot write the certificate ${out}`),
  })
  const { certified, sha256, stages } = certificate
  if (json) printJson({ type: 'certificate', file: out, certified, sha256 })
  else say(`${renderCertificate(certificate)}\ncertificate ${out} (sha256 ${sha256})`)
  if (!certified) return yield* new StagesFailed({ failed: stages.length })
  return undefined
})

const saidStates: Readonly<Record<CheckedKey['state'], string>> = {
  held: 'as it was',
  gone: 'not in the store',
  other: 'made again with other bytes',
  damaged: 'damaged; moved to quarantine',
}

const saidOf = (verdict: Verdict | undefined): string => (verdict === undefined ? 'not' : saidVerdicts[verdict])

const checkCertificate = Effect.fnUntraced(function* (file: string, { store, json }: CertifyFlags) {
  const { certificate, isSealed: sealed } = yield* readCertificate(file)
  const checked: CheckedKey[] = []
  if (sealed) for (const each of certificate.key) checked.push(yield* checkKey(each))
  const wrong = checked.filter(({ state }) => state !== 'held')
  const isGood = sealed && certificate.certified && wrong.length === 0
  const verdicts = new Map(certificate.stages.map(({ stage, verdict }) => [stage, verdict]))
  const { pipeline, certified, at } = certificate
  if (json) {
    for (const each of checked) printJson({ type: 'stage', ...each, verdict: verdicts.get(each.stage) ?? null })
    printJson({
      type: 'check',
      file,
      good: isGood,
      sealed,
      certified,
      held: checked.length - wrong.length,
      of: checked.length,
      computedAgain: verdicts.size,
    })
  } else if (!sealed) {
    say(`${file} is not as it was written: its content does not have the hash that it names`)
  } else {
    const table = renderTable<CheckedKey>(
      [
        { title: 'stage', cell: ({ stage }) => stage, align: 'left' },
        { title: 'fingerprint', cell: ({ fingerprint }) => fingerprint.slice(0, 16), align: 'left' },
        { title: 'in the store', cell: ({ state }) => saidStates[state], align: 'left' },
        { title: 'computed again', cell: ({ stage }) => saidOf(verdicts.get(stage)), align: 'left' },
      ],
      checked,
    )
    say(`${table}\n`)
    say(`${pipeline}, ${certified ? 'certified' : 'NOT certified'} at ${at}; the certificate is as it was written`)
    const are = (number: number, was = 'was', were = 'were'): string => (number === 1 ? was : were)
    const held = `${checked.length - wrong.length} of ${plural(checked.length, 'artifact')}`
    say(`${held} ${are(checked.length, 'is', 'are')} in ${store} as ${are(checked.length, 'it was', 'they were')}`)
    const others = checked.length - verdicts.size
    const rest = others === 0 ? '' : `, ${others} ${are(others)} not: nothing is known of ${are(others, 'it', 'them')}`
    say(`${verdicts.size} ${are(verdicts.size)} computed again${rest}`)
  }
  if (!isGood) return yield* new StagesFailed({ failed: Math.max(1, wrong.length) })
  return undefined
})

const certify = Effect.fnUntraced(function* (flags: CertifyFlags) {
  const { pipeline, check, jobs } = flags
  yield* checkJobs(jobs)
  if (check !== undefined && pipeline === undefined) return yield* checkCertificate(check, flags)
  if (check === undefined && pipeline !== undefined) return yield* certifyPipeline(flags, pipeline)
  return yield* new UsageError(
    check === undefined
      ? { message: 'certify needs a pipeline', hint: 'genepool certify PIPELINE, or genepool certify --check FILE' }
      : { message: '--check takes no pipeline: the certificate names what was certified' },
  )
})

export const certifyCommand = Command.make('certify', certifyFlags).pipe(
  Command.withDescription('Compute stored stages again from clean, compare every byte, and write a certificate'),
  Command.withExamples([
    { command: 'genepool certify pipelines/quickstart.ts --sample 2', description: 'Two stages, drawn at random' },
    { command: 'genepool certify --check certificate.json', description: 'Does it still hold?' },
  ]),
  Command.withHandler(inStore(certify)),
)
