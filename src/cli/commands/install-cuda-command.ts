/** `genepool engine install cuda`: ONNX Runtime's CUDA provider, by its package's own installer. */
import { statSync } from 'node:fs'
import * as Effect from 'effect/Effect'
import { bytes } from '../../results/format.js'
import { interruptible, printJson, stepPrinter } from '../long-work.js'

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
