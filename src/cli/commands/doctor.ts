/** `genepool doctor`: what computes here, how fast, and what would make it faster. */
import * as Effect from 'effect/Effect'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { diagnose, type Diagnosis, type Examination, parseWish } from '../../doctor/examine.js'
import { count } from '../../results/format.js'
import { sentenceOf } from '../../base/errors.js'
import { UsageError } from '../../runtime/errors.js'
import { workerEnvironment } from '../../runtime/execute/worker-memory.js'
import { deviceFlag, engineFlag, type FlagsOf, jsonFlag, switchFlag } from '../input/flags.js'
import { printJson, say, showOnTerminal } from '../output/print.js'
import { renderTable } from '../output/table.js'
import { stderr } from '../output/terminal.js'

const doctorFlags = {
  engine: engineFlag.pipe(Flag.withDescription('Only this engine; auto: all')),
  device: deviceFlag.pipe(Flag.withDescription('Only this device: cpu, webgpu, cuda, cuda:1; auto: all')),
  json: jsonFlag('Print one engine on one device a line as JSON'),
  verbose: switchFlag('verbose', 'Print what the native libraries print'),
}

const stepTime = (ms: number): string =>
  ms < 100 ? `${ms.toFixed(1)} ms` : ms < 1_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(1)} s`

/** What the native library calls itself is added only where no package has that version. */
const renderVersions = ({ versions, native }: Examination): string => {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const isSaid = native === null || Object.values(versions).some((version) => native.endsWith(` ${version}`))
  return [...packages, ...(isSaid ? [] : [native])].join(', ')
}

const renderWorking = (examinations: readonly Examination[]): string =>
  renderTable<Examination>(
    [
      { title: 'engine', cell: (one) => one.engine, align: 'left' },
      { title: 'device', cell: (one) => one.device, align: 'left' },
      { title: 'loads', cell: (one) => (one.loads ? 'yes' : 'no'), align: 'left' },
      {
        title: 'matmul',
        cell: (one) => (one.gflops === null ? '' : `${count(one.gflops * 1e9)}FLOP/s`),
      },
      {
        title: 'training step',
        cell: (one) => (one.stepMs === null ? '' : `${one.stepEstimated ? '≈ ' : ''}${stepTime(one.stepMs)}`),
      },
      { title: 'on', cell: (one) => one.on ?? '', align: 'left' },
      {
        title: 'versions',
        cell: (one) => (one.loads ? renderVersions(one) : ''),
        align: 'left',
      },
    ],
    examinations,
  )

const renderProblems = (examinations: readonly Examination[]): string =>
  examinations
    .flatMap(({ engine, device, problem, hint }) =>
      problem === null ? [] : [`${engine} on ${device}: ${problem}${hint === null ? '' : `\n  ${hint}`}`],
    )
    .join('\n')

const conclusion = (examinations: readonly Examination[], auto: Diagnosis['auto']): string => {
  if (!examinations.some(({ loads }) => loads)) return 'Nothing of this works here.'
  return auto === undefined ? '' : `--engine auto takes ${auto.engine} on ${auto.device} (${auto.why}).`
}

const render = ({ examinations, auto }: Diagnosis): string =>
  [
    renderWorking(examinations),
    renderProblems(examinations),
    conclusion(examinations, auto),
    'matmul: products of float32 matrices, copies included. Training step: forward, backward and AdamW of a ' +
      'transformer\nof width 64, depth 6 and 17 tokens, batch 64 (≈: measured with a smaller batch).',
  ]
    .filter((part) => part !== '')
    .join('\n\n')

const doctor = Effect.fnUntraced(function* (flags: FlagsOf<typeof doctorFlags>) {
  const wish = yield* Effect.try({
    try: () => parseWish(flags.engine, flags.device),
    catch: (cause) => new UsageError({ message: sentenceOf(cause), cause }),
  })
  const diagnosis = yield* Effect.promise((signal) =>
    diagnose({
      signal,
      wish,
      env: workerEnvironment(),
      onStart: (name) => showOnTerminal(`examining ${name} …`),
      onNoise: (said) => {
        if (flags.verbose) stderr.write(`${said}\n`)
      },
    }),
  ).pipe(Effect.ensuring(Effect.sync(() => showOnTerminal(''))))
  if (flags.json) for (const one of diagnosis.examinations) printJson(one)
  else say(render(diagnosis))
  if (!diagnosis.examinations.some(({ loads }) => loads)) process.exitCode = 1
})

export const doctorCommand = Command.make('doctor', doctorFlags).pipe(
  Command.withDescription(
    'Try every engine on every device: what loads, how fast it is, why the rest does not load and what to do about it',
  ),
  Command.withHandler(doctor),
)
