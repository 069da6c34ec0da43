/** `genepool engine`: engines and devices that the installation did not bring, and what it brought for others. */
import { statSync } from 'node:fs'
import * as Effect from 'effect/Effect'
import * as Command from 'effect/cli/Command'
import { bytes, duration } from '../../results/format.js'
import { abortable } from '../../runtime/abortable.js'
import { UsageError } from '../../runtime/errors.js'
import { type FlagsOf, jsonFlag, switchFlag, textFlag, verboseFlag } from '../input/flags.js'
import { printJson, stepPrinter } from '../output/print.js'
import { stdout } from '../output/terminal.js'

const json = jsonFlag('Print one step a line as JSON, and nothing else')

const buildTensorflowFlags = {
  from: textFlag(
    'from',
    'A TensorFlow wheel, an installed tensorflow folder, or libtensorflow as a folder or .tar.gz; ' +
      'default: pip downloads a wheel',
  ),
  gpu: switchFlag('gpu', "Take the library with code for NVIDIA GPUs (pip's tensorflow instead of tensorflow-cpu)"),
  release: textFlag('release', 'The release of TensorFlow that pip downloads; default: 2.21.0'),
  json,
  verbose: verboseFlag,
}

const releaseForm = /^\d+\.\d+\.\d+(?:[.\w]*)$/

const buildTensorflow = Effect.fnUntraced(function* (flags: FlagsOf<typeof buildTensorflowFlags>) {
  const { from, gpu, release, json } = flags
  if (from !== undefined && release !== undefined) {
    return yield* new UsageError({
      message: '--from and --release exclude each other: the release is what pip downloads',
    })
  }
  if (release !== undefined && !releaseForm.test(release)) {
    return yield* new UsageError({ message: `--release is ${release}; write a version such as 2.21.0` })
  }
  const began = performance.now()
  const { folder, manifest } = yield* abortable(async (signal) => {
    const builder = await import('../../engine/tensorflow/build/build.js')
    return builder.buildTensorflow({ from, gpu, release, signal }, stepPrinter(json))
  })
  if (json) return printJson({ type: 'built', folder, ...manifest })
  const size = Object.values(manifest.files).reduce((sum, file) => sum + file.size, 0)
  const took = duration(performance.now() - began)
  stdout.write(
    `built TensorFlow ${manifest.libtensorflow} for ${manifest.gpu ? 'NVIDIA GPUs' : 'the CPU'} ` +
      `from ${manifest.from}, it trains; ${took}\n` +
      `  ${folder} (${bytes(size)})\n` +
      `  --engine tensorflow uses it, genepool doctor measures it\n`,
  )
})

const buildTensorflowCommand = Command.make('tensorflow', buildTensorflowFlags).pipe(
  Command.withDescription('Compile the engine tensorflow against any TensorFlow library, into the cache folder'),
  Command.withExamples([
    { command: 'genepool engine build tensorflow', description: 'With the wheel that pip finds' },
    { command: 'genepool engine build tensorflow --from tensorflow-2.21.0.whl', description: 'With a wheel at hand' },
  ]),
  Command.withHandler(buildTensorflow),
)

const installCudaFlags = { json, verbose: verboseFlag }

/** ONNX Runtime's CUDA provider, by its package's own installer. */
const installCuda = Effect.fnUntraced(function* ({ json }: FlagsOf<typeof installCudaFlags>) {
  const { files, already } = yield* abortable(async (signal) => {
    const installer = await import('../../engine/onnx/install-cuda.js')
    return installer.installCuda(signal, stepPrinter(json))
  })
  if (json) return printJson({ type: already ? 'found' : 'installed', files })
  const size = files.reduce((sum, file) => sum + statSync(file).size, 0)
  stdout.write(
    `ONNX Runtime's CUDA provider ${already ? 'was installed already' : 'is installed'} (${bytes(size)})\n` +
      `${files.map((file) => `  ${file}\n`).join('')}` +
      `  --device cuda uses it, genepool doctor says whether CUDA itself is there\n`,
  )
})

const installCudaCommand = Command.make('cuda', installCudaFlags).pipe(
  Command.withDescription("Install ONNX Runtime's CUDA provider with the installer of onnxruntime-node"),
  Command.withHandler(installCuda),
)

const trimFlags = { json, verbose: verboseFlag }

const trim = Effect.fnUntraced(function* ({ json }: FlagsOf<typeof trimFlags>) {
  const removed = yield* abortable(async () => {
    const { removeOtherPlatforms } = await import('../../engine/onnx/other-platforms.js')
    return removeOtherPlatforms()
  })
  if (json) return printJson({ type: 'trimmed', removed })
  const size = removed.reduce((sum, each) => sum + each.bytes, 0)
  stdout.write(
    removed.length === 0
      ? 'onnxruntime-node holds nothing for other platforms\n'
      : `removed from onnxruntime-node what it brings for other platforms (${bytes(size)})\n` +
          `${removed.map(({ folder }) => `  ${folder}\n`).join('')}` +
          `  a fresh install brings it again\n`,
  )
})

const trimCommand = Command.make('trim', trimFlags).pipe(
  Command.withDescription('Remove what onnxruntime-node brings for other platforms: three quarters of its size'),
  Command.withHandler(trim),
)

const buildCommand = Command.make('build').pipe(
  Command.withDescription('Build an engine from source'),
  Command.withSubcommands([buildTensorflowCommand]),
)

const installCommand = Command.make('install').pipe(
  Command.withDescription('Install what an engine needs for a device'),
  Command.withSubcommands([installCudaCommand]),
)

export const engineCommand = Command.make('engine').pipe(
  Command.withDescription(
    'Make engines and devices available that the installation did not bring; remove what it brought in vain',
  ),
  Command.withSubcommands([buildCommand, installCommand, trimCommand]),
)
