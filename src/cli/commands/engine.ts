/** `genepool engine`: makes engines available that an installation did not bring. */
import { statSync } from 'node:fs'
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { bytes, duration } from '../../results/format.js'
import { UsageError } from '../../runtime/errors.js'
import { printJson, stepPrinter } from '../output/print.js'

/** Interrupting it waits until the work has cleaned up behind itself. */
export const interruptible = <A>(work: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, unknown> =>
  Effect.callback((resume) => {
    const controller = new AbortController()
    const settled = work(controller.signal).then(
      (value) => resume(Effect.succeed(value)),
      (error: unknown) => resume(Effect.fail(error)),
    )
    return Effect.promise(() => {
      controller.abort()
      return settled
    })
  })

/** `genepool engine build tensorflow`: the engine `tensorflow` from any TensorFlow library. */

export interface BuildTensorflowFlags {
  readonly from: string | undefined
  readonly gpu: boolean
  readonly release: string | undefined
  readonly json: boolean
}

const releaseForm = /^\d+\.\d+\.\d+(?:[.\w]*)$/

export const buildTensorflowCommand = Effect.fnUntraced(function* ({ from, gpu, release, json }: BuildTensorflowFlags) {
  if (from !== undefined && release !== undefined) {
    return yield* new UsageError({
      message: '--from and --release exclude each other: the release is what pip downloads',
    })
  }
  if (release !== undefined && !releaseForm.test(release)) {
    return yield* new UsageError({ message: `--release is ${release}; write a version such as 2.21.0` })
  }
  const began = performance.now()
  const { folder, manifest } = yield* interruptible(async (signal) => {
    const { buildTensorflow } = await import('../../engine/tensorflow/build/build.js')
    return buildTensorflow({ from, gpu, release, signal }, stepPrinter(json))
  })
  if (json) return printJson({ type: 'built', folder, ...manifest })
  const size = Object.values(manifest.files).reduce((sum, file) => sum + file.size, 0)
  const took = duration(performance.now() - began)
  process.stdout.write(
    `built TensorFlow ${manifest.libtensorflow} for ${manifest.gpu ? 'NVIDIA GPUs' : 'the CPU'} from ${manifest.from}, ` +
      `it trains; ${took}\n` +
      `  ${folder} (${bytes(size)})\n` +
      `  --engine tensorflow uses it, genepool doctor measures it\n`,
  )
})

/** `genepool engine install cuda`: ONNX Runtime's CUDA provider, by its package's own installer. */

export interface InstallCudaFlags {
  readonly json: boolean
}

export const installCudaCommand = Effect.fnUntraced(function* ({ json }: InstallCudaFlags) {
  const { files, already } = yield* interruptible(async (signal) => {
    const { installCuda } = await import('../../engine/onnx/install-cuda.js')
    return installCuda(signal, stepPrinter(json))
  })
  if (json) return printJson({ type: already ? 'found' : 'installed', files })
  const size = files.reduce((sum, file) => sum + statSync(file).size, 0)
  process.stdout.write(
    `ONNX Runtime's CUDA provider ${already ? 'was installed already' : 'is installed'} (${bytes(size)})\n` +
      `${files.map((file) => `  ${file}\n`).join('')}` +
      `  --device cuda uses it, genepool doctor says whether CUDA itself is there\n`,
  )
})

const json = Flag.Boolean('json').pipe(
  Flag.withDescription('Print one step a line as JSON, and nothing else'),
  Flag.withDefault(false),
)

const verbose = Flag.Boolean('verbose').pipe(
  Flag.withDescription('Print stack traces with errors'),
  Flag.withDefault(false),
)

const buildTensorflow = Command.make('tensorflow', {
  from: Flag.String('from').pipe(
    Flag.withDescription(
      'A TensorFlow wheel, an installed tensorflow folder, or libtensorflow as a folder or .tar.gz; default: pip downloads a wheel',
    ),
    Flag.optional,
  ),
  gpu: Flag.Boolean('gpu').pipe(
    Flag.withDescription("Take the library with code for NVIDIA GPUs (pip's tensorflow instead of tensorflow-cpu)"),
    Flag.withDefault(false),
  ),
  release: Flag.String('release').pipe(
    Flag.withDescription('The release of TensorFlow that pip downloads; default: 2.21.0'),
    Flag.optional,
  ),
  json,
  verbose,
}).pipe(
  Command.withHandler((flags) =>
    buildTensorflowCommand({
      ...flags,
      from: Option.getOrUndefined(flags.from),
      release: Option.getOrUndefined(flags.release),
    }),
  ),
  Command.withDescription('Compile the engine tensorflow against any TensorFlow library, into the cache folder'),
  Command.withExamples([
    { command: 'genepool engine build tensorflow', description: 'With the wheel that pip finds' },
    { command: 'genepool engine build tensorflow --from tensorflow-2.21.0.whl', description: 'With a wheel at hand' },
  ]),
)

const installCuda = Command.make('cuda', { json, verbose }).pipe(
  Command.withHandler((flags) => installCudaCommand(flags)),
  Command.withDescription("Install ONNX Runtime's CUDA provider with the installer of onnxruntime-node"),
)

const build = Command.make('build').pipe(
  Command.withDescription('Build an engine from source'),
  Command.withSubcommands([buildTensorflow]),
)

const install = Command.make('install').pipe(
  Command.withDescription('Install what an engine needs for a device'),
  Command.withSubcommands([installCuda]),
)

export const engineCommand = Command.make('engine').pipe(
  Command.withDescription('Make an engine or a device available that the installation did not bring'),
  Command.withSubcommands([build, install]),
)
