/** `genepool inspect`: what weights of timm, transformers or genepool are, and what becomes of their tensors. */
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import * as Option from 'effect/Option'
import { sentenceOf } from '../../base/errors.js'
import { count, plural } from '../../results/format.js'
import { UsageError } from '../../runtime/errors.js'
import type { InspectedTensor, Inspection } from '../../stages/weights/inspect-weights.js'
import { type FlagsOf, jsonFlag, verboseFlag } from '../input/flags.js'
import { harmless, printJson, say, warn } from '../output/print.js'
import { renderTable } from '../output/table.js'

const inspectFlags = {
  weights: Argument.String('weights').pipe(
    Argument.withDescription(
      'A safetensors file, the index of several, a folder with either and its config.json, or hf:owner/name',
    ),
  ),
  imageSize: Flag.Int('image-size').pipe(
    Flag.withDescription('Pixels a side of the images that it is for; default: what it was trained on'),
    Flag.optional,
  ),
  json: jsonFlag('Print all of it as one line of JSON'),
  verbose: verboseFlag,
}

const renderTensors = (tensors: readonly InspectedTensor[]): string =>
  renderTable<InspectedTensor>(
    [
      { title: 'fate', cell: ({ fate }) => fate, align: 'left' },
      { title: 'tensor', cell: ({ name }) => name, align: 'left' },
      { title: 'shape', cell: ({ shape }) => `[${shape.join(', ')}]`, align: 'left' },
      { title: 'type', cell: ({ dtype }) => dtype, align: 'left' },
      { title: 'from', cell: ({ fate, from }) => (fate === 'matched' ? '' : from.join(', ')), align: 'left' },
    ],
    tensors,
  )

const total = (tensors: readonly InspectedTensor[]): string => {
  const counts = new Map<string, number>()
  for (const { fate } of tensors) counts.set(fate, (counts.get(fate) ?? 0) + 1)
  return `${plural(tensors.length, 'tensor')}: ${[...counts].map(([fate, number]) => `${number} ${fate}`).join(', ')}`
}

const render = (path: string, inspection: Inspection): string => {
  const { library, shape, config, mean, std, crop, interpolation, classNames, tensors } = inspection
  const values = tensors.reduce((sum, each) => sum + each.shape.reduce((size, side) => size * side, 1), 0)
  const images = [
    `images ${config.imageSize} × ${config.imageSize} × ${config.channels}`,
    mean === undefined ? 'mean and std not stated' : `mean ${mean.join(' ')}, std ${std?.join(' ')}`,
    ...(crop === undefined ? [] : [`crop ${Number(crop.toPrecision(4))}`]),
    ...(interpolation === undefined ? [] : [interpolation]),
  ]
  const head = config.numClasses === 0 ? 'no head' : `${config.numClasses} class${config.numClasses === 1 ? '' : 'es'}`
  const named =
    classNames === undefined ? '' : `: ${classNames.slice(0, 5).join(', ')}${classNames.length > 5 ? ', …' : ''}`
  return [
    `pretrained('${path}', ${shape})`,
    `a model of ${library}'s, ${count(values)} parameters; ${head}${named}`,
    images.join(', '),
    '',
    renderTensors(tensors),
    '',
    total(tensors),
  ].join('\n')
}

const inspectFile = Effect.fnUntraced(function* (flags: FlagsOf<typeof inspectFlags>) {
  const inspection = yield* Effect.tryPromise({
    try: async () => {
      const { inspectWeights } = await import('../../stages/weights/inspect-weights.js')
      return inspectWeights(flags.weights, Option.getOrUndefined(flags.imageSize))
    },
    catch: (cause) => new UsageError({ message: harmless(sentenceOf(cause)), cause }),
  })
  if (flags.json) printJson(inspection)
  else say(harmless(render(flags.weights, inspection)))
  const problems = inspection.tensors.flatMap(({ problem }) => problem ?? [])
  if (problems.length === 0) return
  warn(problems.map(harmless))
  process.exitCode = 1
})

export const inspectCommand = Command.make('inspect', inspectFlags).pipe(
  Command.withDescription('Print what pretrained weights are, and what becomes of each of their tensors'),
  Command.withHandler(inspectFile),
)
