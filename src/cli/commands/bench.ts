/** `genepool bench`: how fast a model answers on this machine. */
import * as Effect from 'effect/Effect'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { quantile } from '../../base/quantile.js'
import { bytes, milliseconds, plural } from '../../results/format.js'
import { UsageError } from '../../runtime/errors.js'
import { type FlagsOf, jsonFlag, textFlag, verboseFlag } from '../input/flags.js'
import { loadedFlags, modelArgument, withModel } from '../input/loaded.js'
import { printJson, say, showOnTerminal } from '../output/print.js'
import { renderTable } from '../output/table.js'

const benchFlags = {
  model: modelArgument,
  batch: textFlag('batch', 'Images of a pass, sizes with commas between; default: 1,64'),
  seconds: Flag.Finite('seconds').pipe(
    Flag.withDescription('How long each size is measured, for at least 11 passes; default: 2'),
    Flag.withDefault(2),
  ),
  ...loadedFlags,
  json: jsonFlag('Print one line of JSON a batch size'),
  verbose: verboseFlag,
}

/** What was measured at one batch size; times in milliseconds of a whole pass. */
interface BatchTimes {
  readonly batch: number
  readonly passes: number
  readonly lowerQuartileMs: number
  readonly medianMs: number
  readonly upperQuartileMs: number
  readonly imagesPerSecond: number
  /** The most that the process has had in memory so far, Node.js and all, bytes. */
  readonly peakMemory: number
  readonly engine: string
  readonly device: string
  readonly threads: number
}

/** The first passes allocate, and compile where the engine does. */
const WARM_UP_PASSES = 3
const LEAST_PASSES = 11
const MOST_PASSES = 1_001

const readBatches = (text = '1,64'): Effect.Effect<readonly number[], UsageError> => {
  const sizes = text.split(',').map((word) => (/^\s*\d+\s*$/.test(word) ? Number(word) : 0))
  return sizes.every((size) => size >= 1 && size <= 4096)
    ? Effect.succeed([...new Set(sizes)].sort((a, b) => a - b))
    : Effect.fail(
        new UsageError({ message: `--batch is '${text}'; write whole numbers from 1 to 4096 with commas between` }),
      )
}

const measureBatch = (flags: FlagsOf<typeof benchFlags>, batch: number) =>
  // Loaded for this size alone: a pass is one call of the engine, and nothing is padded.
  withModel(flags, { batchSize: batch }, async ({ config, engine, logits }, signal): Promise<BatchTimes> => {
    const pixels = Float32Array.from({ length: batch * config.imageSize ** 2 * config.channels }, (_, at) =>
      Math.sin(at / 100),
    )
    const times: number[] = []
    const began = performance.now()
    for (let pass = -WARM_UP_PASSES; pass < MOST_PASSES; pass++) {
      // An engine may answer without ever letting Ctrl-C be heard.
      await new Promise(setImmediate)
      signal.throwIfAborted()
      const start = performance.now()
      await logits(pixels)
      if (pass >= 0) times.push(performance.now() - start)
      if (times.length >= LEAST_PASSES && performance.now() - began > 1_000 * flags.seconds) break
      showOnTerminal(`batch ${batch}: ${times.length} passes`)
    }
    const sorted = times.sort((a, b) => a - b)
    const medianMs = quantile(sorted, 0.5)
    return {
      batch,
      passes: sorted.length,
      lowerQuartileMs: quantile(sorted, 0.25),
      medianMs,
      upperQuartileMs: quantile(sorted, 0.75),
      imagesPerSecond: (1_000 * batch) / medianMs,
      peakMemory: process.resourceUsage().maxRSS * 1024,
      ...engine,
    }
  }).pipe(Effect.ensuring(Effect.sync(() => showOnTerminal(''))))

const bench = Effect.fnUntraced(function* (flags: FlagsOf<typeof benchFlags>) {
  if (!(flags.seconds >= 0))
    return yield* new UsageError({ message: `--seconds is ${flags.seconds}; it must be 0 or more` })
  const measured: BatchTimes[] = []
  for (const batch of yield* readBatches(flags.batch)) {
    const times = yield* measureBatch(flags, batch)
    if (flags.json) printJson(times)
    measured.push(times)
  }
  if (flags.json) return undefined
  const { engine, device, threads } = measured[0]!
  return say(
    `${renderTable<BatchTimes>(
      [
        { title: 'batch', cell: ({ batch }) => String(batch) },
        { title: 'median', cell: ({ medianMs }) => milliseconds(medianMs) },
        {
          title: 'quartiles',
          cell: (row) => `${milliseconds(row.lowerQuartileMs)} – ${milliseconds(row.upperQuartileMs)}`,
        },
        { title: 'images/s', cell: ({ imagesPerSecond }) => imagesPerSecond.toFixed(imagesPerSecond < 100 ? 1 : 0) },
        { title: 'peak memory', cell: ({ peakMemory }) => bytes(peakMemory) },
        { title: 'passes', cell: ({ passes }) => String(passes) },
      ],
      measured,
    )}\n\n${engine} on ${device}, ${plural(threads, 'thread')}; memory is the whole process's, Node.js and all`,
  )
})

export const benchCommand = Command.make('bench', benchFlags).pipe(
  Command.withDescription('Measure how fast a model answers on this machine, and in how much memory'),
  Command.withExamples([
    { command: 'genepool bench small/model.onnx', description: 'One image and 64 at a time, on one thread' },
    { command: 'genepool bench base --threads 4 --batch 1,16', description: 'An exported folder on four threads' },
  ]),
  Command.withHandler(bench),
)
