/** The models that the benchmarks time; `torch_models.py` has the same table. */
import type { VitConfig } from '../src/dsl/vit-config.js'

export interface BenchModel {
  readonly name: string
  readonly batch: number
  /** Steps between two turns: about a second. */
  readonly steps: number
  readonly config: VitConfig
}

const digits = { imageSize: 28, patchSize: 7, channels: 1, numClasses: 10, mlpRatio: 4, layerNormEps: 1e-6 }
const photos = { imageSize: 224, patchSize: 16, channels: 3, numClasses: 1000, mlpRatio: 4, layerNormEps: 1e-6 }

export const benchModels: readonly BenchModel[] = [
  { name: 'd64-L6', batch: 64, steps: 20, config: { ...digits, embedDim: 64, depth: 6, numHeads: 4 } },
  { name: 'd192-L12', batch: 32, steps: 6, config: { ...digits, embedDim: 192, depth: 12, numHeads: 3 } },
  { name: 'deit-tiny', batch: 8, steps: 2, config: { ...photos, embedDim: 192, depth: 12, numHeads: 3 } },
  { name: 'deit-small', batch: 8, steps: 1, config: { ...photos, embedDim: 384, depth: 12, numHeads: 6 } },
]

/** The models named, or all of them. */
export const modelsNamed = (names: string | undefined): readonly BenchModel[] =>
  names === undefined || names === 'all'
    ? benchModels
    : names.split(',').map((name) => {
        const model = benchModels.find((candidate) => candidate.name === name)
        if (model === undefined)
          throw new Error(`--model: ${name} is none of ${benchModels.map((m) => m.name).join(', ')}`)
        return model
      })

/**
 * Multiply-accumulates of the matrix products in an image's forward pass; the last block for all tokens or only one.
 */
export const productMacs = (config: VitConfig, allTokens: boolean): number => {
  const { imageSize, patchSize, channels, embedDim: d, depth, numClasses } = config
  const patches = (imageSize / patchSize) ** 2
  const tokens = patches + 1
  const block = (queries: number) => 2 * tokens * d * d + queries * (10 * d * d + 2 * tokens * d)
  return (
    patches * patchSize ** 2 * channels * d +
    (depth - 1) * block(tokens) +
    block(allTokens ? tokens : 1) +
    d * numClasses
  )
}
