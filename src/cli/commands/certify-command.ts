/** `genepool certify`: computes stages again from clean, compares, and writes down what came of it; or checks what was written. */
import { randomInt } from 'node:crypto'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { writeFileAtomic } from '../../base/files.js'
import { genepoolLayer } from '../../compose.js'
import {
  type Certificate,
  type CheckedKey,
  checkKey,
  isSealed,
  readCertificate,
} from '../../runtime/certify/certificate.js'
import { certify } from '../../runtime/certify/certify.js'
import { parseTolerances, type Tolerances } from '../../runtime/certify/tolerance.js'
import { sentenceOf, StoreError, UsageError } from '../../runtime/errors.js'
import type { Emit } from '../../runtime/events.js'
import { Store } from '../../runtime/store/store.js'
import { inspect, type InspectFlags } from '../input/inspect.js'
import { parseTarget } from '../input/target.js'
import { renderCertificate, saidVerdicts } from '../output/certificate.js'
import { describeProgress } from '../output/describe.js'
import { StagesFailed } from '../output/exit-codes.js'
import { printJson } from '../output/print.js'
import type { Output } from '../output/renderers.js'
import { renderTable } from '../output/table.js'

/** What is seen of a certification while it works: on standard error, so that the table stands alone. */

/** Without a terminal, progress is a line every so often. */
const plainMs = 10_000

export interface CertifyProgress {
  readonly say: (text: string) => void
  readonly emit: Emit
}

export const certifyProgress = (output: Output, isTerminal: boolean): CertifyProgress => {
  let shownAt = Date.now()
  const clear = (): string => (isTerminal ? '\r\u001b[2K' : '')
  return {
    say: (text) => {
      shownAt = Date.now()
      output.write(`${clear()}${text}\n`)
    },
    emit: (event) => {
      if (event.type === 'warning' || event.type === 'stage-waiting') return
      if (event.type !== 'stage-progress') return
      const line = `  ${event.stage}  ${describeProgress(event)}`
      if (isTerminal) output.write(`${clear()}${line.slice(0, Math.max(20, (output.columns ?? 80) - 1))}`)
      else if (Date.now() - shownAt >= plainMs) {
        shownAt = Date.now()
        output.write(`${line}\n`)
      }
    },
  }
}

export interface CertifyFlags extends Omit<InspectFlags, 'pipeline'> {
  readonly pipeline: string | undefined
  readonly sample: number | undefined
  readonly seed: number | undefined
  readonly tolerance: string | undefined
  readonly out: string | undefined
  /** A certificate to check; nothing is computed. */
  readonly check: string | undefined
  readonly jobs: number
  readonly json: boolean
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

const certifyPipeline = Effect.fnUntraced(function* (flags: CertifyFlags & { readonly pipeline: string }) {
  const { sample, json } = flags
  if (sample !== undefined && sample < 1) {
    return yield* new UsageError({ message: `--sample is ${sample}; it must be 1 or more` })
  }
  const tolerances = yield* tolerancesOf(flags.tolerance)
  const store = yield* Store
  const inspected = yield* inspect(flags)
  const file = path.resolve(parseTarget(flags.pipeline).file)
  const progress = certifyProgress(process.stderr, process.stderr.isTTY === true)
  const certificate = yield* certify({
    ...inspected,
    asked: { engine: flags.engine, device: flags.device },
    reuse: flags.reuse,
    jobs: flags.jobs,
    file,
    baseDir: path.dirname(file),
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
  const out = flags.out === undefined ? placeOf(store, certificate) : path.resolve(flags.out)
  yield* Effect.try({
    try: () => writeFileAtomic(out, `${JSON.stringify(certificate, null, 2)}\n`),
    catch: (cause) => new StoreError({ message: `cannot write the certificate ${out}: ${sentenceOf(cause)}`, cause }),
  })
  const { certified, sha256, stages } = certificate
  if (json) printJson({ type: 'certificate', file: out, certified, sha256 })
  else process.stdout.write(`${renderCertificate(certificate)}\ncertificate ${out} (sha256 ${sha256})\n`)
  if (!certified) return yield* new StagesFailed({ failed: stages.length })
  return undefined
})

const saidStates: Readonly<Record<CheckedKey['state'], string>> = {
  held: 'as certified',
  gone: 'not in the store',
  other: 'made again with other bytes',
  damaged: 'damaged; moved to quarantine',
}

const checkCertificate = Effect.fnUntraced(function* (file: string, { store, json }: CertifyFlags) {
  const certificate = yield* readCertificate(file)
  const sealed = isSealed(certificate)
  const checked: CheckedKey[] = []
  if (sealed) for (const each of certificate.key) checked.push(yield* checkKey(each))
  const wrong = checked.filter(({ state }) => state !== 'held')
  const isGood = sealed && certificate.certified && wrong.length === 0
  const { pipeline, certified, at } = certificate
  if (json) {
    for (const each of checked) printJson({ type: 'stage', ...each })
    printJson({
      type: 'check',
      file,
      good: isGood,
      sealed,
      certified,
      held: checked.length - wrong.length,
      of: checked.length,
    })
  } else if (!sealed) {
    process.stdout.write(`${file} is not as it was written: its content does not have the hash that it names\n`)
  } else {
    const table = renderTable<CheckedKey>(
      [
        { title: 'stage', cell: ({ stage }) => stage, align: 'left' },
        { title: 'fingerprint', cell: ({ fingerprint }) => fingerprint.slice(0, 16), align: 'left' },
        { title: 'in the store', cell: ({ state }) => saidStates[state], align: 'left' },
      ],
      checked,
    )
    const lines = [
      table,
      '',
      `${pipeline}, ${certified ? 'certified' : 'NOT certified'} at ${at}; the certificate is as it was written`,
      `${checked.length - wrong.length} of ${checked.length} artifacts are in ${store} as certified`,
    ]
    process.stdout.write(`${lines.join('\n')}\n`)
  }
  if (!isGood) return yield* new StagesFailed({ failed: Math.max(1, wrong.length) })
  return undefined
})

const certifyInStore = (flags: CertifyFlags) => {
  const { pipeline, check } = flags
  if (check !== undefined && pipeline === undefined) return checkCertificate(check, flags)
  if (check === undefined && pipeline !== undefined) return certifyPipeline({ ...flags, pipeline })
  return Effect.fail(
    new UsageError(
      check === undefined
        ? { message: 'certify needs a pipeline', hint: 'genepool certify PIPELINE, or genepool certify --check FILE' }
        : { message: '--check takes no pipeline: the certificate names what was certified' },
    ),
  )
}

export const certifyCommand = (flags: CertifyFlags) =>
  Effect.suspend(() => certifyInStore(flags)).pipe(Effect.provide(genepoolLayer(flags.store)))
