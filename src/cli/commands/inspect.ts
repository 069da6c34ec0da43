/**
 * `genepool inspect`: what weights of timm, transformers or genepool are, and what becomes of their tensors; of an ONNX
 * file what is in it.
 */
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import * as Option from 'effect/Option'
import { sentenceOf } from '../../base/errors.js'
import { bytes, count, percent, plural } from '../../results/format.js'
import { UsageError } from '../../runtime/errors.js'
import type { OnnxInspection } from '../../stages/weights/inspect-onnx.js'
import type { InspectedTensor, Inspection } from '../../stages/weights/inspect-weights.js'
import { type FlagsOf, jsonFlag, verboseFlag } from '../input/flags.js'
import { harmless, printJson, say, warn } from '../output/print.js'
import { renderTable } from '../output/table.js'

const inspectFlags = {
  weights: Argument.String('weights').pipe(
    Argument.withDescription(
      'A safetensors file, the index of several, a folder with either and its config.json, hf:owner/name, or an ONNX file',
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
    ...(crop === undefined ? [] : [`crop ${short(crop)}`]),
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

const shapes = (values: OnnxInspection['inputs']): string =>
  Object.entries(values)
    .map(([name, shape]) => `${name} [${shape.join(', ')}]`)
    .join(', ')

const short = (value: number): number => Number(value.toPrecision(4))

/** What genepool has written into the file. */
const exportedLines = ({ description }: OnnxInspection): readonly string[] => {
  if (description === undefined) return ['not exported by genepool: its metadata do not say what it is']
  const { plan, descendant, preprocessing, classNames, provenance } = description
  const { size, channels, mean, std, crop, interpolation } = preprocessing
  const { pipeline, stage, fingerprint, genepool } = provenance
  const measured = provenance['measured'] as { readonly split?: unknown; readonly top1?: unknown } | undefined
  const models = Object.keys(plan.models).join(', ')
  return [
    `exported by genepool ${String(genepool)} from stage ${String(stage)} of ${String(pipeline)} (${String(fingerprint)})`,
    descendant === undefined ? `a whole model` : `descendant ${descendant.id}, ${descendant.name}, of ${models}`,
    `images ${size} × ${size} × ${channels}, mean ${mean.map(short).join(' ')}, std ${std.map(short).join(' ')}` +
      (crop === undefined ? '' : `, crop ${short(crop)}`) +
      (interpolation === undefined ? '' : `, ${interpolation}`),
    ...(classNames === undefined
      ? []
      : [`classes ${classNames.slice(0, 5).join(', ')}${classNames.length > 5 ? ', …' : ''}`]),
    ...(typeof measured?.top1 === 'number'
      ? [`top-1 ${percent(measured.top1)} on the ${String(measured.split)} images, as the pipeline measured it`]
      : []),
  ]
}

const renderOnnx = (path: string, file: OnnxInspection): string => {
  const others = Object.entries(file.domains).map(([domain, set]) => `, ${domain} ${set}`)
  return [
    `${path}: ONNX, operator set ${file.opset}${others.join('')}, ${bytes(file.bytes)}` +
      (file.producer === '' ? '' : `, written by ${file.producer}`),
    ...exportedLines(file),
    '',
    `inputs     ${shapes(file.inputs)}`,
    `outputs    ${shapes(file.outputs)}`,
    `weights    ${plural(file.initializers.count, 'initializer')}, ${bytes(file.initializers.bytes)}`,
    `metadata   ${Object.keys(file.metadata).join(', ') || 'none'}`,
    '',
    renderTable<readonly [string, number]>(
      [
        { title: 'operator', cell: ([name]) => name, align: 'left' },
        { title: 'nodes', cell: ([, nodes]) => String(nodes) },
      ],
      Object.entries(file.operators),
    ),
  ].join('\n')
}

const refused = (cause: unknown): UsageError => new UsageError({ message: harmless(sentenceOf(cause)), cause })

const inspectOnnxFile = Effect.fnUntraced(function* ({ weights, imageSize, json }: FlagsOf<typeof inspectFlags>) {
  if (Option.isSome(imageSize)) {
    return yield* new UsageError({ message: '--image-size is for weights: an ONNX file reads images of one size' })
  }
  const file = yield* Effect.tryPromise({
    try: async () => (await import('../../stages/weights/inspect-onnx.js')).inspectOnnx(weights),
    catch: refused,
  })
  if (json) return printJson(file)
  return say(harmless(renderOnnx(weights, file)))
})

const inspectFile = Effect.fnUntraced(function* (flags: FlagsOf<typeof inspectFlags>) {
  if (flags.weights.endsWith('.onnx')) return yield* inspectOnnxFile(flags)
  const inspection = yield* Effect.tryPromise({
    try: async () => {
      const { inspectWeights } = await import('../../stages/weights/inspect-weights.js')
      return inspectWeights(flags.weights, Option.getOrUndefined(flags.imageSize))
    },
    catch: refused,
  })
  if (flags.json) printJson(inspection)
  else say(harmless(render(flags.weights, inspection)))
  const problems = inspection.tensors.flatMap(({ problem }) => problem ?? [])
  if (problems.length === 0) return undefined
  warn(problems.map(harmless))
  process.exitCode = 1
  return undefined
})

export const inspectCommand = Command.make('inspect', inspectFlags).pipe(
  Command.withDescription(
    'Print what pretrained weights are, and what becomes of each of their tensors; of an ONNX file, what is in it',
  ),
  Command.withHandler(inspectFile),
)
