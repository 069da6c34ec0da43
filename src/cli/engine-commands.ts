/** `genepool engine`: makes engines available that an installation did not bring. */
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import * as Option from 'effect/Option'
import { buildTensorflowCommand } from './commands/build-tensorflow-command.js'
import { installCudaCommand } from './commands/install-cuda-command.js'

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
