/** Which images of a data set a figure was measured on. */
import type { EvaluateParams, StageNode } from '../dsl/nodes.js'

export type FigureSplit = 'train' | 'validation' | 'test'

/** The images on which the stage measures models; undefined where it measures none. */
export const splitOfModels = (node: StageNode): FigureSplit | undefined =>
  node.kind === 'evaluate' ? (node.params as EvaluateParams).split : node.kind === 'single' ? 'test' : undefined

/** Stages that train, and so return the loss that they ended with. */
const training = ['teacher', 'anchor', 'distill', 'stitch', 'single']

/** The same of a figure that a stage returns; undefined where it is of no images, or nobody can tell. */
export const splitOfSummary = ({ kind }: StageNode, figure: string): FigureSplit | undefined => {
  if (!training.includes(kind)) return undefined
  if (figure === 'finalLoss') return 'train'
  if (['validationTop1', 'validationLoss'].includes(figure)) return 'validation'
  return ['top1', 'top5', 'loss'].includes(figure) ? 'test' : undefined
}

const words: Readonly<Record<FigureSplit, string>> = { test: 'test', validation: 'validation', train: 'training' }

/** `test`, `test or validation`. */
export const splitWords = (splits: readonly FigureSplit[]): string =>
  [...splits]
    .sort()
    .map((split) => words[split])
    .join(' or ')

/** `on the test images`; empty for none. */
export const onImages = (splits: readonly FigureSplit[]): string =>
  splits.length === 0 ? '' : `on the ${splitWords(splits)} images`

interface TitledSplits {
  readonly title: string
  readonly splits: readonly FigureSplit[]
}

const listed = (titles: readonly string[]): string =>
  titles.length < 2 ? titles.join('') : `${titles.slice(0, -1).join(', ')} and ${titles.at(-1)!}`

/** `best, worst and teacher: on the test images`, a line for all that are on the same images. */
export const splitLegend = (figures: readonly TitledSplits[]): readonly string[] => {
  const titles = new Map<string, string[]>()
  for (const { title, splits } of figures) {
    if (splits.length === 0) continue
    const images = onImages(splits)
    const same = titles.get(images)
    if (same === undefined) titles.set(images, [title])
    else same.push(title)
  }
  return [...titles].map(([images, same]) => `${listed(same)}: ${images}`)
}
