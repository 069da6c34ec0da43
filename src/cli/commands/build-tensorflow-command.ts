/** `genepool engine build tensorflow`: the engine `tensorflow` from any TensorFlow library. */
import * as Effect from 'effect/Effect'
import { UsageError } from '../../runtime/errors.js'
import { bytes, duration } from '../../results/format.js'
import { interruptible, printJson, stepPrinter } from '../long-work.js'

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
