/** The smallest real experiment, as a user writes it: seven stages, nine models, next to nothing learned. */
export interface TinyOptions {
  readonly seed?: number
  readonly take?: number
  readonly alpha?: number
  /** Of the teacher and of the students. */
  readonly epochs?: number
  /** Put before the definition. */
  readonly head?: string
}

export const tinyPipeline = ({ seed = 1, take = 64, alpha = 0.1, epochs = 1, head = '' }: TinyOptions = {}): string => `
${head}import { mnist, pipeline, vit } from 'genepool'

const train = { batchSize: 32, epochs: ${epochs} }

export default pipeline('tiny', { seed: ${seed} })
  .data(mnist({ take: ${take}, takeTest: 50 }))
  .teacher(vit({ embedDim: 12, depth: 3, numHeads: 3, patchSize: 14 }), train)
  .distill(
    { small: { embedDim: 6, depth: 3, numHeads: 3, alpha: ${alpha} }, wide: { embedDim: 12, depth: 3, numHeads: 3 } },
    train,
  )
  .pool()
  .stitch({ from: 'small', to: 'wide', init: 'learned' }, { batchSize: 32, epochs: 1 })
  .evaluate()
`
