/** The models whose training step is timed; `step-torch.py` has the same table. */
import type { VitConfig } from '../src/dsl/vit-config.js'

export interface StepModel {
  readonly name: string
  readonly batch: number
  readonly config: VitConfig
}

const digits = { imageSize: 28, patchSize: 7, channels: 1, numClasses: 10, mlpRatio: 4, layerNormEps: 1e-6 }

export const stepModels: readonly StepModel[] = [
  { name: 'd64-L6', batch: 64, config: { ...digits, embedDim: 64, depth: 6, numHeads: 4 } },
  { name: 'd192-L12', batch: 32, config: { ...digits, embedDim: 192, depth: 12, numHeads: 3 } },
]
